"""Speed and memory, as ratios measured side by side in one run; each file prints one JSON line a bar."""
