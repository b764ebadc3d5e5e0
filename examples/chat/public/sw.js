// Keeps the files of the page, so that it opens without a connection. With one, they come from the server.
const files = ['/', '/app.js', '/style.css'];
const kept = () => caches.open('chat');

addEventListener('install', (event) => {
  event.waitUntil(kept().then((cache) => cache.addAll(files)));
});

addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && files.includes(new URL(request.url).pathname)) {
    event.respondWith(fresh(request));
  }
});

async function fresh(request) {
  const cache = await kept();
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch {
    return (await cache.match(request)) ?? Response.error();
  }
}
