// Serves a folder at http://127.0.0.1:PORT/, to this machine only: `node scripts/serve.mjs FOLDER [PORT]`.
// Port 0 takes a free one; the address is printed once it answers.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, resolve, sep } from "node:path";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** The file that a request names inside `folder`, or null: an absent one, or one outside the folder. */
function findFile(folder, url) {
  let path;
  try {
    path = resolve(join(folder, decodeURIComponent(new URL(url, "http://localhost").pathname)));
  } catch {
    return null;
  }
  if (path !== folder && !path.startsWith(folder + sep)) return null;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return findFile(folder, join(url.split("?")[0], "index.html"));
  return found?.isFile() ? { path, size: found.size } : null;
}

const folder = resolve(process.argv[2] ?? ".");
const port = Number(process.argv[3] ?? 8080);

const server = createServer((request, response) => {
  const file = findFile(folder, request.url);
  if (!file) {
    response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    return;
  }
  response.writeHead(200, {
    "content-type": TYPES[extname(file.path)] ?? "application/octet-stream",
    "content-length": file.size,
    "cache-control": "no-cache",
  });
  if (request.method === "HEAD") response.end();
  else createReadStream(file.path).pipe(response);
});
server.on("error", (error) => {
  const message = error.code === "EADDRINUSE" ? `port ${port} is in use; stop what listens there` : error.message;
  console.error(`serve: ${message}`);
  process.exit(1);
});
server.listen(port, "127.0.0.1", () => {
  console.log(`serving ${process.argv[2]} at http://127.0.0.1:${server.address().port}/ (Ctrl-C stops it)`);
});
