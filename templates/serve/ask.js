// Questions to the program that serves this page.

const KEPT = "lifecycle-token";

// The token comes behind the `#` of the address, which no request carries. It is kept for this tab, and
// taken out of the address, so that it is in no history and in no picture of the screen.
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEPT, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEPT) ?? "";
}

const TOKEN = token();

export class Refused extends Error {}
export class Gone extends Error {}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { ...options.headers, "x-lifecycle-token": TOKEN },
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone("lifecycle serve is not running any more; nothing is lost here: start it again, and copy the text over");
  }
  if (!response.ok) {
    const words = await response.json().then((answer) => answer.error, () => response.statusText);
    throw new Refused(words);
  }
  return response;
}

export async function get(path) {
  return (await send(path, {})).json();
}

export async function post(path, body, signal) {
  const headers = { "content-type": "application/json" };
  const response = await send(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  return response.json();
}

// Calls `each` for every line of JSON, as it comes.
export async function lines(path, each, signal) {
  const response = await send(path, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const read = async () => {
    try {
      return await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Gone("the answer broke off: lifecycle serve is not running any more, or could not say the rest");
    }
  };
  let rest = "";
  for (;;) {
    const { done, value } = await read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const line of whole) each(JSON.parse(line));
  }
}
