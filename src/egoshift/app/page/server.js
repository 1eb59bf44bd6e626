// Questions to the server. What it refuses becomes an Error that holds its one line.

const START = JSON.parse(find("#start").textContent);

async function ask(path, { method = "GET", body } = {}) {
  let response;
  try {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("The server does not answer; start it again with `egoshift app`.");
  }
  return understood(response.status, await response.text());
}

function understood(status, text) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { error: `The server answered with status ${status}.` };
  }
  if (status >= 400) throw new Error(answer.error || `The server answered with status ${status}.`);
  return answer;
}

// fetch cannot tell how much of a file is sent yet.
function send(path, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${path}?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => {
      try {
        resolve(understood(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => reject(new Error(`${file.name}: could not be sent; the server may have been stopped.`));
    request.send(file);
  });
}
