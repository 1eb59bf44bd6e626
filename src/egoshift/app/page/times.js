// Times and shares as a person reads them.

function clock(seconds, digits = 1) {
  const unit = 10 ** digits;
  const ticks = Math.round(Math.max(0, seconds) * unit);
  const minutes = Math.floor(ticks / unit / 60);
  const rest = ((ticks - minutes * 60 * unit) / unit).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

const percent = (share) => `${Math.round(100 * share)}%`;

function wait(seconds) {
  return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.max(1, Math.round(seconds))} s`;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// The index of the last entry that is no later than a time; -1 before the first.
function lastBefore(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function nearest(times, time) {
  const before = lastBefore(times, time);
  if (before < 0) return times.length ? 0 : -1;
  if (before + 1 < times.length && times[before + 1] - time < time - times[before]) return before + 1;
  return before;
}
