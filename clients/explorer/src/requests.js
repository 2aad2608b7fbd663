// How the explorer sends a call: to the host that serves it, with the text of a stream shown as it arrives.

/** The paths of the streaming API. `/api/chatroom` is not one of them. */
const STREAMED = /^\/api\/(stream|chat)(\/|$)/;

/** `url`, at the base URL of the streaming API if that serves it. `/`: the page's own origin does. */
export function urlOf(url, streamBaseUrl, page) {
  const { pathname, search } = new URL(url, page);
  if (!streamBaseUrl || !STREAMED.test(pathname)) return url;
  return streamBaseUrl.replace(/\/$/, "") + pathname + search;
}

/** A `fetch` that hands the response to `show` whenever a part of its event stream has arrived. */
export function createFetch(show, send = fetch) {
  return async (url, request) => {
    const response = await send(url, request);
    const { ok, status, statusText } = response;
    const headers = Object.fromEntries(response.headers);
    if (!response.body || !headers["content-type"]?.startsWith("text/event-stream")) return response;
    let text = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    // Not `for await`: Safari cannot iterate over streams.
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      show({ ok, status, statusText, headers, url, text, data: text });
    }
    return new Response(text, { status, statusText, headers });
  };
}
