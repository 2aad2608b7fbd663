// What would be published: the built files and nothing else, of which an application takes only
// what it uses. `npm run build` makes `dist/`.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const folder = fileURLToPath(new URL("..", import.meta.url));
const file = (path: string) => readFile(join(folder, path), "utf8");

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(join(folder, directory), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

test("the package has the built files, their types, its description and its licence", async () => {
  const npm = join(fileURLToPath(new URL("../../../.dev/node/bin/npm", import.meta.url)));
  const { stdout } = await promisify(execFile)(process.execPath, [npm, "pack", "--dry-run", "--json"], { cwd: folder });
  const [pack] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const packed = pack.files.map(({ path }) => path).sort();

  // The sources that the entry imports: each gives a module and its types.
  const { metafile } = await build({
    ...BUNDLE,
    entryPoints: ["src/index.ts"],
    metafile: true,
    external: ["eventsource-parser"],
    treeShaking: false,
  });
  const modules = Object.keys(metafile.inputs).map((path) => path.replace(/^src\/(.*)\.ts$/, "dist/$1"));
  assert.ok(modules.length > 10, modules.join());
  for (const module of modules)
    for (const suffix of [".js", ".d.ts"]) assert.ok(packed.includes(module + suffix), module + suffix);
  assert.deepEqual(packed, ["LICENSE", "README.md", "package.json", ...(await filesIn("dist"))].sort());
  assert.deepEqual(
    packed.filter((path) => path.startsWith("dist/") && !/\.(js|d\.ts)$/.test(path)),
    [],
  );
});

test("the types are complete for a program without the types of browsers", async () => {
  const options = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--lib",
    "es2022",
    "--types",
    "node",
    "--module",
    "nodenext",
  ];
  const tsc = [join(folder, "node_modules/typescript/bin/tsc"), ...options, "dist/index.d.ts"];
  await promisify(execFile)(process.execPath, tsc, { cwd: folder }).catch(({ stdout }) =>
    assert.fail(stdout as string),
  );
});

test("each file of the package is made from a source of the package", async () => {
  const sources = new Set((await filesIn("src")).map((path) => path.replace(/^src\/(.*)\.ts$/, "$1")));
  for (const path of await filesIn("dist"))
    assert.ok(sources.has(path.replace(/^dist\/(.*?)(\.d\.ts|\.js)$/, "$1")), `${path} is a leftover`);
});

test("the licence is that of the project, and the version that of the service", async () => {
  assert.equal(await file("LICENSE"), await file("../../LICENSE"));
  const { version } = JSON.parse(await file("package.json")) as { version: string };
  const { info } = JSON.parse(await file("../../docs/openapi.json")) as { info: { version: string } };
  assert.equal(version, info.version);
});

const BUNDLE = {
  absWorkingDir: folder,
  bundle: true,
  write: false,
  minify: true,
  format: "esm",
  logLevel: "error",
} as const;

/** The bundle of an application that imports the package as it is published. */
async function bundle(application: string): Promise<string> {
  const { outputFiles } = await build({
    ...BUNDLE,
    stdin: { contents: application.replace("PACKAGE", "./dist/index.js"), resolveDir: folder },
  });
  const { text } = outputFiles[0]!;
  console.log(`${text.length} bytes, ${gzipSync(text, { level: 9 }).length} with gzip: ${application}`);
  return text;
}

test("an application has only the calls that it uses", async () => {
  const read = await bundle(
    'import { createClient, getAccount } from "PACKAGE"; console.log(await getAccount({ client: createClient() }));',
  );
  assert.match(read, /\/api\/user\/me/);
  for (const unused of [
    "/api/chatroom/search",
    "/api/queue/failed",
    "/api/stream/",
    "BroadcastChannel",
    "max-buffer-size-exceeded",
  ]) {
    assert.ok(!read.includes(unused), unused);
  }
  const stream = await bundle(
    'import { createClient, streamAnswer } from "PACKAGE"; for await (const { text } of streamAnswer(createClient(), "m")) console.log(text);',
  );
  for (const used of ["/api/stream/", "max-buffer-size-exceeded"]) assert.ok(stream.includes(used), used);
  assert.ok(!stream.includes("/api/queue/failed"));
  const nothing = await bundle('import "PACKAGE";');
  assert.equal(nothing.trim(), "");
});
