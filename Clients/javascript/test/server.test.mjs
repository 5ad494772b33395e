/** The client in Node.js against the server program, which is killed, frozen and started again. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, test } from "node:test"

import { CognitionRealtime } from "../cognitionos-realtime.js"
import { Server, WebSocket, clientFolder, eventually, findModule, read, sleep, tokenEnding } from "./support.mjs"

let server, user

before(async () => {
  server = await Server.start({ WS_IDLE_TIMEOUT: "2s" })
  user = await server.newUser()
  await user.store("short", 20)
  await user.store("long", 300)
})

after(() => server?.stop())

function make(options = {}) {
  return new CognitionRealtime({ url: server.base, token: user.token, WebSocket, delayBase: 100, delayMax: 500, attemptsMax: 60, ...options })
}

test("follows an execution to its end, with a round trip and numbers on the way", async () => {
  const client = make()
  const session = await client.connect()
  assert.equal(session.authenticated, true)
  const execution = await user.execute("short")
  const offsets = []
  let last
  const subscription = client.subscribe({ execution_id: execution }, (message) => {
    if (message.type === "workflow_status") offsets.push(message.offset)
    last = message
  })
  const state = await subscription.ready
  assert.equal(state.execution_id, execution)
  await eventually(() => last?.data.status === "completed")
  const positions = await user.positions(execution)
  assert.deepEqual(offsets, positions.filter((position) => position > state.snapshot_offset))
  assert.ok((await client.ping()) < 1_000)
  assert.equal((await client.stats()).active_subscriptions, 1)
  // From the start: everything, in order.
  const all = []
  client.subscribe({ execution_id: execution }, ({ type, offset }) => type === "workflow_status" && all.push(offset),
    { since: { epoch: subscription.place.epoch, offset: 0 } })
  await eventually(() => all.length === positions.length)
  assert.deepEqual(all, positions)
  assert.ok(client.messageCount > positions.length)
  client.disconnect()
})

test("a server that is killed again and again: no loss and no repetition, for an execution and for its workflow", async () => {
  const client = make()
  const connections = []
  client.on("connected", ({ connection_id }) => connections.push(connection_id))
  await client.connect()
  const [one, all, recovered] = [[], [], []]
  const workflow = client.subscribe({ workflow_id: "long" }, ({ type, offset, data }) => {
    if (type === "workflow_status") all.push(offset)
    if (type === "subscribed" && "recovered" in data) recovered.push(data.recovered)
  })
  const start = (await workflow.ready).snapshot_offset
  const executions = [await user.execute("long"), await user.execute("long"), await user.execute("long")]
  client.subscribe({ execution_id: executions[1] }, ({ type, offset }) => type === "workflow_status" && one.push(offset))
  const rounds = 4
  for (let round = 0; round < rounds; round += 1) {
    await sleep(400 + 200 * round)
    await server.kill()
    await sleep(round * 150)
    await server.run()
    await eventually(() => client.isConnected && connections.length === round + 2)
  }
  for (const execution of executions) assert.equal(await user.ended(execution), "completed")
  const positions = await Promise.all(executions.map((execution) => user.positions(execution)))
  const wanted = positions.flat().filter((position) => position > start).sort((a, b) => a - b)
  await eventually(() => all.length >= wanted.length)
  await sleep(100)
  assert.deepEqual([...all].sort((a, b) => a - b), wanted)
  const first = one[0]
  assert.deepEqual(one, positions[1].filter((position) => position >= first))
  assert.deepEqual(recovered, Array(rounds).fill(true))
  assert.equal(new Set(connections).size, rounds + 1)
  client.disconnect()
})

test("a token that ends: refreshed in time, asked for anew after 4401, and for good where there is no other", async () => {
  const reasons = []
  const client = make({ token: async ({ reason }) => {
    reasons.push(reason)
    return reason === "expiring" ? user.token : tokenEnding(user.token, 31)
  } })
  const { expires_at } = await client.connect()
  await eventually(() => reasons.includes("expiring"))
  await eventually(() => client.session?.expires_at !== expires_at)
  assert.deepEqual(reasons, ["connect", "expiring"])
  client.disconnect()

  const late = []
  const closes = []
  const other = make({ token: ({ reason }) => {
    late.push(reason)
    if (reason === "expiring") throw new Error("not now")
    return reason === "refused" ? user.token : tokenEnding(user.token, 1)
  } })
  other.on("disconnected", ({ code }) => closes.push(code))
  // Watching something, as who has nothing to do is closed before.
  other.subscribe({ workflow_id: "short" })
  await other.connect()
  await eventually(() => closes.length === 1 && other.isConnected)
  assert.deepEqual(closes, [4401])
  assert.deepEqual(late, ["connect", "expiring", "refused"])
  other.disconnect()

  const refused = make({ token: tokenEnding(user.token, -60) })
  const codes = []
  refused.on("error", ({ code, closeCode }) => codes.push([code, closeCode]))
  await assert.rejects(refused.connect(), { code: "client.closed", closeCode: 4401 })
  assert.deepEqual(codes, [["identity.token_expired", undefined], ["client.closed", 4401]])
})

test("a refresh with somebody else's token ends it for good", async () => {
  const stranger = await server.newUser()
  const client = make({ token: ({ reason }) => reason === "expiring" ? stranger.token : tokenEnding(user.token, 31) })
  const codes = []
  client.on("error", ({ code, closeCode }) => codes.push(closeCode ?? code))
  await client.connect()
  await eventually(() => client.state === "disconnected")
  assert.ok(codes.includes(4403), codes.join())
})

test("who has nothing to do is let go of, and comes back for the next subscription", async () => {
  const client = make({ auto: false })
  const closes = []
  client.on("disconnected", ({ code, willReconnect }) => closes.push([code, willReconnect]))
  await client.connect()
  await eventually(() => client.state === "disconnected")
  assert.deepEqual(closes, [[4408, false]])
  assert.equal((await client.subscribe({ workflow_id: "short" }).ready).workflow_id, "default.short")
  await assert.rejects(client.subscribe({ execution_id: "01a1fd1f-dc67-72de-bfb8-74d86589c8a7" }).ready, { code: "workflow.execution_not_found" })
  client.disconnect()
})

test("what is said to a user arrives without a subscription, once, over a server that is killed", async () => {
  const client = make()
  const told = []
  client.on("message", ({ type, data, offset }) => type === "message" && told.push([data.content, offset]))
  const { user_id, rooms } = await client.connect()
  assert.deepEqual(rooms.map(({ room }) => room), [`user:${user_id}`, `workspace:${client.session.workspace_id}`])
  const say = (content) => user.send("POST", `users/${user_id}/messages`, { json: { content } })
  await say("one")
  await eventually(() => told.length === 1)
  await server.kill()
  await server.run()
  // Before it is back, or after: it is all the same.
  await say("two")
  await eventually(() => client.isConnected)
  await say("three")
  await eventually(() => told.length === 3)
  assert.deepEqual(told, [["one", 1], ["two", 2], ["three", 3]])
  assert.equal(client.rooms[0].offset, 3)
  assert.equal((await client.stats()).active_subscriptions <= 1, true)
  client.disconnect()
})

test("a server that says nothing any more is noticed", async () => {
  const client = make({ pingInterval: 200, pongTimeout: 300 })
  await client.connect()
  client.subscribe({ workflow_id: "short" })
  const lost = new Promise((resolve) => client.on("disconnected", resolve))
  server.process.kill("SIGSTOP")
  assert.equal((await lost).reason, "no answer to a ping")
  server.process.kill("SIGCONT")
  await eventually(() => client.isConnected)
  client.disconnect()
})

test("the example of the README does what it says there", async () => {
  await user.store("three", 3, "PT0.3S")
  const execution = await user.execute("three")
  const code = /```js\n(import[^]*?)```/.exec(read("README.md").toString())[1]
    .replace("./cognitionos-realtime.js", join(clientFolder, "cognitionos-realtime.js"))
  const [script, preload] = [join(server.folder, "watch.mjs"), join(server.folder, "websocket.cjs")]
  writeFileSync(script, code)
  writeFileSync(preload, `globalThis.WebSocket ??= require(${JSON.stringify(findModule("ws"))})`)
  const child = spawn(process.execPath, ["-r", preload, script, server.base, user.token, execution])
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => { output += data })
  assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 0, output)
  assert.match(output, /^(waiting|running) \d+\n/)
  assert.match(output, /\ncompleted 100\n$/)
})
