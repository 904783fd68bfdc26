// The reference server of the AT Protocol on loopback, beside a directory of DIDs that only it knows.
// Prints {"service", "handle", "password"} of one account once it answers; ends when its input does.
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const os = require("os");
const path = require("path");
const { PDS, envToCfg, envToSecrets } = require("@atproto/pds");

const HANDLE = "alice.test";
const known = new Map();

function document(did, operation) {
  return {
    "@context": ["https://www.w3.org/ns/did/v1"],
    id: did,
    alsoKnownAs: operation.alsoKnownAs,
    verificationMethod: [
      {
        id: `${did}#atproto`,
        type: "Multikey",
        controller: did,
        publicKeyMultibase: operation.verificationMethods.atproto.replace("did:key:", ""),
      },
    ],
    service: [
      {
        id: "#atproto_pds",
        type: "AtprotoPersonalDataServer",
        serviceEndpoint: operation.services.atproto_pds.endpoint,
      },
    ],
  };
}

async function directory(request, response) {
  const [did, part] = decodeURIComponent(request.url.slice(1)).split("/");
  let body = "";
  for await (const piece of request) body += piece;
  if (request.method === "POST") known.set(did, JSON.parse(body));
  const operation = known.get(did);
  response.writeHead(operation ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(operation ? (part === "data" ? { did, ...operation } : document(did, operation)) : {}));
}

function listening(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

async function freePort() {
  const probe = http.createServer();
  const port = await listening(probe);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function call(service, method, body, token) {
  const response = await fetch(`${service}/xrpc/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "pds-"));
  const plc = await listening(http.createServer(directory));
  const port = await freePort();
  const env = {
    devMode: true,
    port,
    hostname: "localhost",
    dataDirectory: home,
    blobstoreDiskLocation: path.join(home, "blobs"),
    didPlcUrl: `http://127.0.0.1:${plc}`,
    serviceHandleDomains: [".test"],
    inviteRequired: false,
    disableSsrfProtection: true,
    jwtSecret: crypto.randomBytes(16).toString("hex"),
    adminPassword: crypto.randomBytes(16).toString("hex"),
    plcRotationKeyK256PrivateKeyHex: crypto.randomBytes(32).toString("hex"),
  };
  const server = await PDS.create(envToCfg(env), envToSecrets(env));
  await server.start();
  const service = `http://localhost:${port}`;
  const password = crypto.randomBytes(16).toString("hex");
  const account = await call(service, "com.atproto.server.createAccount", {
    handle: HANDLE,
    email: "alice@example.com",
    password,
  });
  const app = await call(service, "com.atproto.server.createAppPassword", { name: "test" }, account.accessJwt);
  console.log(JSON.stringify({ service, handle: HANDLE, password: app.password }));
  process.stdin.resume();
  process.stdin.on("end", () => {
    fs.rmSync(home, { recursive: true, force: true });
    process.exit(0);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
