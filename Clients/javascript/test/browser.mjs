/** A tab of headless Chromium, spoken to in its own protocol, and the files that it loads. */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { WebSocket, clientFolder, eventually, findModule } from "./support.mjs"

const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path))

/** React as Debian has it: files that make a global, and a module that gives them on, as a bundler would. */
const react = (name) => readFileSync(findModule(name).replace(/index\.js$/, `umd/${name}.development.js`))
const files = {
  "/react.umd.js": () => react("react"),
  "/react-dom.umd.js": () => react("react-dom"),
  "/react-module.js": () =>
    "const { useCallback, useEffect, useRef, useState } = globalThis.React\nexport { useCallback, useEffect, useRef, useState }",
}

const page = `<!doctype html><meta charset="utf-8"><title>client</title><div id="root"></div>
<script type="importmap">{"imports": {"react": "/react-module.js"}}</script>
<script src="/react.umd.js"></script><script src="/react-dom.umd.js"></script>`

export async function serveFiles() {
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://x").pathname
    if (path === "/") return response.setHeader("Content-Type", "text/html").end(page)
    try {
      const body = files[path]?.() ?? readFileSync(join(clientFolder, path.replaceAll("..", "")))
      response.setHeader("Content-Type", "text/javascript").end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections?.(); server.close() } }
}

export class Tab {
  #socket
  #number = 0
  #answers = new Map()
  complaints = []

  static async open(url) {
    if (!chromium) throw new Error("there is no Chromium: Scripts/install-dependencies test installs it")
    const tab = new Tab()
    tab.folder = mkdtempSync(join(tmpdir(), "cognitionos-browser-"))
    tab.process = spawn(chromium, [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
      "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0", `--user-data-dir=${tab.folder}`,
      "about:blank",
    ], { stdio: ["ignore", "ignore", "pipe"] })
    process.on("exit", () => tab.process.kill("SIGKILL"))
    let log = ""
    tab.process.stderr.on("data", (data) => { log += data })
    const address = await eventually(() => /DevTools listening on (\S+)/.exec(log)?.[1], "Chromium starts", 60)
    const { port } = new URL(address)
    const [target] = await eventually(async () => {
      const all = await fetch(`http://127.0.0.1:${port}/json/list`).then((answer) => answer.json(), () => [])
      return all.filter(({ type }) => type === "page").slice(0, 1).length && all.filter(({ type }) => type === "page")
    }, "Chromium has a tab", 60)
    await tab.#connect(target.webSocketDebuggerUrl)
    for (const domain of ["Page", "Runtime"]) await tab.call(`${domain}.enable`)
    await tab.call("Page.navigate", { url })
    await eventually(() => tab.run("document.readyState === 'complete' && !!globalThis.ReactDOM"), "the page is there")
    return tab
  }

  async #connect(url) {
    this.#socket = new WebSocket(url)
    this.#socket.onmessage = ({ data }) => {
      const message = JSON.parse(data)
      if (message.method === "Runtime.exceptionThrown")
        this.complaints.push(message.params.exceptionDetails.exception?.description ?? message.params.exceptionDetails.text)
      this.#answers.get(message.id)?.(message)
      this.#answers.delete(message.id)
    }
    await new Promise((resolve, reject) => { this.#socket.onopen = resolve; this.#socket.onerror = reject })
  }

  async call(method, params = {}) {
    const id = ++this.#number
    const answer = await new Promise((resolve) => {
      this.#answers.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result
  }

  /** The value of an expression, awaited. */
  async run(expression) {
    const { result, exceptionDetails } = await this.call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  async close() {
    this.#socket.close()
    this.process.kill("SIGKILL")
    await new Promise((resolve) => this.process.on("exit", resolve))
    // Its helpers may write for a moment longer.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}
