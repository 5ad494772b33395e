/** What the tests share: a server program that can be killed, and a WebSocket for a Node.js without one. */
import { spawn } from "node:child_process"
import { createHmac } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const clientFolder = join(dirname(fileURLToPath(import.meta.url)), "..")
const repository = join(clientFolder, "..", "..")

/** Node.js has one of its own from version 22 on; before, Debian's package node-ws stands in. */
export const WebSocket = globalThis.WebSocket ?? createRequire(import.meta.url)(findModule("ws"))

export function findModule(name) {
  const require = createRequire(import.meta.url)
  for (const place of [name, `/usr/share/nodejs/${name}`])
    try { return require.resolve(place) } catch { /* the next one */ }
  throw new Error(`there is no ${name}: Scripts/install-dependencies test installs node-${name}`)
}

export const secret = "0123456789abcdef0123456789abcdef0123456789abcdef"
export const password = "correct horse battery"

export async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A server on a port that it keeps over restarts. */
export class Server {
  static async start(environment = {}) {
    const server = new Server()
    server.folder = mkdtempSync(join(tmpdir(), "cognitionos-client-"))
    server.port = await freePort()
    server.environment = environment
    await server.run()
    return server
  }

  get base() { return `http://127.0.0.1:${this.port}` }

  async run() {
    const binary = process.env.COGNITIONOS_BINARY ?? join(repository, ".build/debug/cognitionos")
    this.process = spawn(binary, ["serve"], {
      cwd: this.folder, stdio: ["ignore", "ignore", "pipe"],
      env: {
        PATH: process.env.PATH, DATA_DIR: join(this.folder, "data"), API_PORT: String(this.port),
        SECURITY_BCRYPT_COST: "4", SECURITY_SECRET_KEY: secret, WS_MAX_CONNECTIONS_PER_USER: "50", ...this.environment,
      },
    })
    let log = ""
    this.process.stderr.on("data", (data) => { log = (log + data).slice(-4_000) })
    this.gone = new Promise((resolve) => this.process.on("exit", resolve))
    const child = this.process
    process.on("exit", () => child.kill("SIGKILL"))
    for (let tries = 0; tries < 600; tries += 1) {
      if (this.process.exitCode !== null) throw new Error(`the server does not start: ${log}`)
      const isReady = await fetch(`${this.base}/api/v3/health/ready`).then((answer) => answer.ok, () => false)
      if (isReady) return
      await sleep(50)
    }
    throw new Error(`the server is not ready: ${log}`)
  }

  async kill(signal = "SIGKILL") {
    this.process.kill(signal)
    await this.gone
  }

  async stop() {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async send(method, path, { token, json, yaml } = {}) {
    const answer = await fetch(`${this.base}/api/v3/${path}`, {
      method, body: yaml ?? (json && JSON.stringify(json)),
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }),
        ...((json || yaml) && { "Content-Type": yaml ? "application/yaml" : "application/json" }),
      },
    })
    const body = await answer.json().catch(() => null)
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(body)}`)
    return body
  }

  /** Somebody new, logged in. */
  async newUser() {
    const email = `user-${Math.random().toString(36).slice(2)}@example.com`
    await this.send("POST", "auth/register", { json: { email, password } })
    const tokens = await this.send("POST", "auth/login", { json: { email, password } })
    return new User(this, email, tokens.access_token)
  }
}

export class User {
  constructor(server, email, token) { Object.assign(this, { server, email, token }) }

  send(method, path, options) { return this.server.send(method, path, { token: this.token, ...options }) }

  /** Stores a workflow of `count` short naps. */
  store(name, count, pause = "PT0.01S") {
    return this.send("POST", "workflows", {
      yaml: `
document: {dsl: '1.0.0', namespace: default, name: ${name}, version: '1.0.0'}
do:
  - all:
      for: {each: number, in: '\${ [range(${count})] }'}
      do:
        - nap: {wait: ${pause}}
`,
    })
  }

  async execute(workflow, options) {
    const started = await this.send("POST", "workflows/execute", { json: { workflow_id: workflow, ...options } })
    return started.execution_id
  }

  /** The positions of all events of an execution, as the log has them. */
  async positions(execution) {
    const positions = []
    let cursor = ""
    do {
      const page = await this.send("GET", `workflows/executions/${execution}/events?limit=200${cursor && `&cursor=${cursor}`}`)
      positions.push(...page.items.map((event) => event.position))
      cursor = page.next_cursor
    } while (cursor)
    return positions
  }

  async ended(execution) {
    while (true) {
      const { status } = await this.send("GET", `workflows/executions/${execution}`)
      if (["completed", "faulted", "cancelled"].includes(status)) return status
      await sleep(50)
    }
  }
}

/** The same token with another end, signed with the server's key. */
export function tokenEnding(token, secondsFromNow) {
  const [header, claims] = token.split(".")
  const changed = { ...JSON.parse(Buffer.from(claims, "base64url")), exp: Math.floor(Date.now() / 1000) + secondsFromNow }
  const signed = `${header}.${Buffer.from(JSON.stringify(changed)).toString("base64url")}`
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`
}

export function sleep(milliseconds) { return new Promise((resolve) => setTimeout(resolve, milliseconds)) }

/** Waits until the condition holds, for `seconds` at most. */
export async function eventually(condition, what = condition, seconds = 20) {
  const end = Date.now() + seconds * 1000
  while (true) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) throw new Error(`never so: ${what}`)
    await sleep(10)
  }
}

export function read(name) { return readFileSync(join(clientFolder, name)) }
