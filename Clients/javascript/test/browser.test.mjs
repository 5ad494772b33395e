/** The client and its React hook in headless Chromium, on a page of another origin than the server's. */
import assert from "node:assert/strict"
import { after, before, test } from "node:test"

import { Tab, serveFiles } from "./browser.mjs"
import { Server, eventually, sleep, tokenEnding } from "./support.mjs"

let files, server, user, tab

before(async () => {
  files = await serveFiles()
  server = await Server.start({ API_CORS_ORIGINS: files.origin })
  user = await server.newUser()
  await user.store("short", 20)
  await user.store("long", 150)
  tab = await Tab.open(files.origin)
  await tab.run(`(async () => {
    Object.assign(globalThis, await import("/cognitionos-realtime.js"), await import("/react.js"))
    globalThis.options = { url: ${JSON.stringify(server.base)}, token: ${JSON.stringify(user.token)}, delayBase: 100, delayMax: 500, attemptsMax: 60 }
  })()`)
})

after(async () => {
  await Promise.allSettled([tab?.close(), server?.stop(), files?.stop()])
})

test("goes on after the server was killed, without loss and without repetition", async () => {
  const execution = await user.execute("long")
  await tab.run(`(async () => {
    globalThis.told = []
    globalThis.client = new CognitionRealtime(options)
    client.subscribe({ execution_id: ${JSON.stringify(execution)} }, ({ type, offset }) => type === "workflow_status" && told.push(offset))
    await client.connect()
  })()`)
  for (let round = 0; round < 2; round += 1) {
    const before = await tab.run("told.length")
    await eventually(async () => (await tab.run("told.length")) > before + 10)
    await server.kill()
    await sleep(200)
    await server.run()
    await eventually(() => tab.run("client.isConnected"))
  }
  assert.equal(await user.ended(execution), "completed")
  const positions = await user.positions(execution)
  await eventually(async () => (await tab.run("told.at(-1)")) === positions.at(-1))
  const told = await tab.run("told")
  assert.deepEqual(told, positions.filter((position) => position >= told[0]))
  await tab.run("client.disconnect()")
})

test("a token that has ended is told as such, which a handshake in a browser would not tell", async () => {
  const expired = tokenEnding(user.token, -60)
  const told = await tab.run(`(async () => {
    const reasons = [], codes = []
    const client = new CognitionRealtime({ ...options, token: async ({ reason }) => {
      reasons.push(reason)
      return reason === "refused" ? options.token : ${JSON.stringify(expired)}
    } })
    client.on("error", ({ code }) => codes.push(code))
    client.on("disconnected", ({ code }) => codes.push(code))
    await client.connect()
    client.disconnect()
    return { reasons, codes }
  })()`)
  assert.deepEqual(told, { reasons: ["connect", "refused"], codes: ["identity.token_expired", 4401] })
})

test("the hook: connects, subscribes, counts, and ends with its component; twice mounted it connects once", async () => {
  const execution = await user.execute("short")
  await tab.run(`(() => {
    const { createElement, StrictMode, useEffect } = React
    globalThis.seen = { views: [], messages: [], connects: 0, errors: [] }
    function Watch({ execution }) {
      const realtime = useCognitionRealtime({
        ...options, onMessage: (message) => seen.messages.push(message.type), onConnect: () => { seen.connects += 1 },
        onError: (error) => seen.errors.push(error.code) })
      globalThis.hook = realtime
      const { isConnected, isConnecting, error, messageCount, subscribe } = realtime
      seen.views.push(isConnected ? "connected" : isConnecting ? "connecting" : "neither")
      useEffect(() => subscribe({ execution_id: execution }, (message) => { seen.last = message }), [execution, subscribe])
      return createElement("p", null, isConnected ? "connected " : "", String(messageCount), error ? error.code : "")
    }
    globalThis.root = ReactDOM.createRoot(document.getElementById("root"))
    root.render(createElement(StrictMode, null, createElement(Watch, { execution: ${JSON.stringify(execution)} })))
  })()`)
  await eventually(() => tab.run("seen.last?.data.status === 'completed'"))
  await eventually(() => tab.run("Number(/\\d+/.exec(document.getElementById('root').textContent)[0]) === hook.client.messageCount"))
  const seen = await tab.run("({ ...seen, text: document.getElementById('root').textContent, count: hook.messageCount, functions: ['connect', 'disconnect', 'subscribe', 'unsubscribe'].map((name) => typeof hook[name]) })")
  assert.equal(seen.connects, 1)
  assert.deepEqual(seen.errors, [])
  assert.equal(seen.views[0], "neither")
  assert.ok(seen.views.includes("connecting") && seen.views.at(-1) === "connected", seen.views.join())
  assert.match(seen.text, /^connected \d+$/)
  assert.ok(seen.count > 20)
  assert.ok(seen.messages.includes("workflow_status") && seen.messages.includes("subscribed"))
  assert.deepEqual(seen.functions, Array(4).fill("function"))
  assert.equal(await tab.run("hook.client.stats().then((stats) => stats.connected_clients)"), 1)

  // By its own functions, and through a server that goes away.
  await tab.run("hook.disconnect()")
  await eventually(() => tab.run("!hook.isConnected && !hook.isConnecting"))
  await tab.run("hook.connect().then(() => {})")
  await eventually(() => tab.run("hook.isConnected"))
  await server.kill()
  await eventually(() => tab.run("hook.isConnecting"))
  await server.run()
  await eventually(() => tab.run("hook.isConnected"))
  await tab.run("globalThis.client = hook.client; root.unmount()")
  assert.equal(await tab.run("client.state"), "disconnected")
})

test("the hook shows what went wrong", async () => {
  await tab.run(`(() => {
    const { createElement } = React
    globalThis.errors = []
    function Watch() {
      const { error, isConnected } = useCognitionRealtime({ ...options, token: "none", onError: ({ code }) => errors.push(code) })
      return createElement("p", null, error ? error.code : String(isConnected))
    }
    globalThis.root = ReactDOM.createRoot(document.getElementById("root"))
    root.render(createElement(Watch))
  })()`)
  await eventually(() => tab.run("document.getElementById('root').textContent === 'client.closed'"))
  assert.deepEqual(await tab.run("errors"), ["identity.token_invalid", "client.closed"])
  await tab.run("root.unmount()")
  assert.deepEqual(tab.complaints, [])
})
