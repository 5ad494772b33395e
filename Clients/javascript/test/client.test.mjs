/** The client alone, against a socket whose other end is the test. */
import assert from "node:assert/strict"
import { test } from "node:test"

import { CognitionRealtime, RealtimeError, afterClose } from "../cognitionos-realtime.js"
import { eventually, sleep } from "./support.mjs"

/** What a test does as the server. */
class FakeSocket {
  static all = []
  /** Answers what every connection asks for; a test may add to it or take from it. */
  static answers = {}
  static reset(answers = {}) {
    FakeSocket.all = []
    FakeSocket.answers = {
      authenticate: (message, socket) => socket.say("connected", { authenticated: true, user_id: "ada" }, { id: message.id }),
      ping: (message, socket) => socket.say("pong", {}, { id: message.id }),
      ...answers,
    }
  }
  static get last() { return FakeSocket.all.at(-1) }

  readyState = 0
  sent = []
  constructor(url) {
    this.url = url
    FakeSocket.all.push(this)
    if (FakeSocket.answers.refuse) return void queueMicrotask(() => this.end(1006))
    queueMicrotask(() => {
      this.readyState = 1
      this.onopen?.()
      this.say("connected", { authenticated: false })
    })
  }
  send(text) {
    const message = JSON.parse(text)
    this.sent.push(message)
    FakeSocket.answers[message.action]?.(message, this)
  }
  say(type, data, rest = {}) { queueMicrotask(() => this.onmessage?.({ data: JSON.stringify({ type, data, ...rest }) })) }
  end(code, reason = "") { this.readyState = 3; this.onclose?.({ code, reason }) }
  close(code) { this.closedWith = code; this.readyState = 2 }
  actions(name) { return this.sent.filter((message) => message.action === name) }
}

function make(options = {}) {
  return new CognitionRealtime({ url: "http://example/ws/connect", token: "t", WebSocket: FakeSocket, delayBase: 1, delayMax: 8, ...options })
}

const epoch = "e1"

function subscribed(member, id, offset, more = {}) {
  return (message, socket) => socket.say("subscribed", { [member]: id, ...more }, { id: message.id, epoch, offset })
}

test("says who it is by a message, and settles with the session", async () => {
  FakeSocket.reset()
  const client = make()
  assert.equal(client.url, "ws://example/ws/connect")
  const states = []
  client.on("state", (state) => states.push(state))
  const session = await client.connect()
  assert.equal(session.user_id, "ada")
  assert.deepEqual(FakeSocket.last.sent, [{ action: "authenticate", token: "t", id: "authenticate" }])
  assert.deepEqual(states, ["connecting", "connected"])
  assert.equal(client.isConnected, true)
  client.disconnect()
  assert.equal(FakeSocket.last.closedWith, 1000)
  assert.equal(client.isConnected || client.isConnecting, false)
})

test("options that are wrong are told at once", () => {
  assert.throws(() => make({ token: undefined }), { code: "client.no_token" })
  assert.throws(() => make({ url: undefined }), { code: "client.address_invalid" })
  assert.throws(() => make().subscribe({ execution_id: "a", room: "b" }), { code: "client.target_invalid" })
  const own = globalThis.WebSocket
  delete globalThis.WebSocket
  assert.throws(() => make({ WebSocket: undefined }), { code: "client.no_websocket" })
  if (own) globalThis.WebSocket = own
})

test("delays are drawn from a bound that doubles up to the cap; after ten attempts it gives up", async () => {
  FakeSocket.reset({ refuse: true })
  const client = make({ delayBase: 0.5, delayMax: 30, random: () => 0.999 })
  const delays = []
  client.on("disconnected", ({ delay }) => delay !== undefined && delays.push(Math.ceil(delay * 2) / 2))
  await assert.rejects(client.connect(), { code: "client.gave_up", closeCode: 1006 })
  assert.deepEqual(delays, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30])
  assert.equal(FakeSocket.all.length, 11)
  assert.equal(client.state, "disconnected")
  // Asked again, it begins anew.
  FakeSocket.reset()
  await client.connect()
  client.disconnect()
})

test("attempts are counted until a connection was stable", async () => {
  FakeSocket.reset()
  const client = make({ attemptsMax: 2, stableAfter: 60 })
  await client.connect()
  const attempts = []
  client.on("disconnected", ({ attempt, willReconnect }) => attempts.push(willReconnect ? attempt : "over"))
  for (let number = 0; number < 2; number += 1) {
    FakeSocket.last.end(1001)
    await eventually(() => client.isConnected)
  }
  await sleep(120)
  for (let number = 0; number < 2; number += 1) {
    FakeSocket.last.end(1006)
    await eventually(() => client.isConnected)
  }
  FakeSocket.last.end(1006)
  assert.deepEqual(attempts, [1, 2, 1, 2, "over"])
  assert.equal(client.state, "disconnected")
})

test("each close code has its answer", async (t) => {
  const wanted = {
    1000: "again", 1001: "again", 1002: "stop", 1003: "stop", 1006: "again", 1007: "stop", 1009: "stop", 1011: "again",
    1012: "again", 4000: "stop", 4099: "stop", 4401: "token", 4403: "stop", 4408: "idle", 4429: "later", 4499: "later",
    4500: "now", 4599: "now",
  }
  for (const [code, next] of Object.entries(wanted)) assert.equal(afterClose(Number(code)), next, code)

  await t.test("4403 and faults of the protocol end it", async () => {
    for (const code of [4403, 1002, 1003, 1007, 1009, 4001]) {
      FakeSocket.reset()
      const client = make()
      const errors = []
      client.on("error", (error) => errors.push(error))
      await client.connect()
      client.subscribe({ room: "r" })
      FakeSocket.last.end(code, "why")
      assert.equal(client.state, "disconnected")
      assert.deepEqual(errors.map(({ code, closeCode }) => [code, closeCode]), [["client.closed", code]])
      await sleep(20)
      assert.equal(FakeSocket.all.length, 1)
    }
  })

  await t.test("4401 asks for a new token, and ends it where the token is a text", async () => {
    FakeSocket.reset()
    const reasons = []
    const client = make({ token: async ({ reason }) => { reasons.push(reason); return `t${reasons.length}` } })
    await client.connect()
    FakeSocket.last.end(4401)
    await eventually(() => client.isConnected)
    assert.deepEqual(reasons, ["connect", "refused"])
    assert.equal(FakeSocket.last.sent[0].token, "t2")
    client.disconnect()
    const fixed = make()
    await fixed.connect()
    FakeSocket.last.end(4401)
    assert.equal(fixed.state, "disconnected")
  })

  await t.test("4408 without a subscription rests until there is something to do", async () => {
    FakeSocket.reset({ subscribe: subscribed("room", "r", 1) })
    const client = make()
    await client.connect()
    FakeSocket.last.end(4408)
    assert.equal(client.state, "disconnected")
    await client.subscribe({ room: "r" }).ready
    assert.equal(FakeSocket.all.length, 2)
    FakeSocket.last.end(4408)
    await eventually(() => client.isConnected)
    client.disconnect()
    client.subscribe({ room: "s" })
    await sleep(20)
    assert.equal(client.state, "disconnected", "who said disconnect stays so")
  })

  await t.test("4429 waits for long", async () => {
    FakeSocket.reset()
    const client = make({ delayMax: 100 })
    await client.connect()
    const lost = new Promise((resolve) => client.on("disconnected", resolve))
    FakeSocket.last.end(4429)
    const { delay } = await lost
    assert.ok(delay >= 50 && delay <= 100, String(delay))
    client.disconnect()
  })
})

test("a token that is about to end is refreshed, and a function that fails is asked again", async () => {
  FakeSocket.reset({ refresh: (message, socket) => socket.say("connected", { authenticated: true, expires_at: "later" }, { id: message.id }) })
  let calls = 0
  const client = make({ token: async ({ reason }) => {
    calls += 1
    if (calls === 1) throw new Error("offline")
    return reason
  } })
  const errors = []
  client.on("error", ({ code }) => errors.push(code))
  await client.connect()
  assert.deepEqual(errors, ["client.token_failed"])
  FakeSocket.last.say("token_expiring", { expires_at: "soon" })
  await eventually(() => client.session?.expires_at === "later")
  assert.equal(FakeSocket.last.actions("refresh")[0].token, "expiring")
  client.disconnect()
  const without = make({ token: async () => null })
  await assert.rejects(without.connect(), { code: "client.no_token" })
})

test("goes on from the last offset, with the epoch, and tells nothing twice", async () => {
  FakeSocket.reset({ subscribe: subscribed("execution_id", "x", 5) })
  const client = make()
  await client.connect()
  const told = []
  const subscription = client.subscribe({ execution_id: "x" }, ({ type, offset }) => told.push(`${type} ${offset}`), { tokens: false })
  assert.deepEqual(FakeSocket.last.actions("subscribe")[0], { action: "subscribe", execution_id: "x", tokens: false, id: "c1" })
  await subscription.ready
  for (const offset of [6, 7, 7]) FakeSocket.last.say("workflow_status", { execution_id: "x" }, { epoch, offset })
  FakeSocket.last.say("workflow_status", { execution_id: "y" }, { epoch, offset: 8 })
  FakeSocket.last.say("event", { execution_id: "x", text: "a" })
  await eventually(() => told.length === 4)
  assert.deepEqual(subscription.place, { epoch, offset: 7 })
  FakeSocket.answers.subscribe = (message, socket) => {
    socket.say("subscribed", { execution_id: "x", recovered: true }, { id: message.id, epoch, offset: 7 })
    for (const offset of [7, 8]) socket.say("workflow_status", { execution_id: "x" }, { epoch, offset })
  }
  FakeSocket.last.end(1001)
  await eventually(() => told.includes("workflow_status 8"))
  assert.deepEqual(FakeSocket.last.actions("subscribe")[0].since, { epoch, offset: 7 })
  // Another log: the state is the truth, and the new epoch holds.
  FakeSocket.answers.subscribe = (message, socket) =>
    socket.say("subscribed", { execution_id: "x", recovered: false }, { id: message.id, epoch: "e2", offset: 2 })
  FakeSocket.last.end(1006)
  await eventually(() => subscription.place.epoch === "e2")
  FakeSocket.last.say("workflow_status", { execution_id: "x" }, { epoch: "e2", offset: 3 })
  await eventually(() => told.length === 8)
  assert.deepEqual(told, [
    "subscribed 5", "workflow_status 6", "workflow_status 7", "event undefined", "subscribed 7", "workflow_status 8",
    "subscribed 2", "workflow_status 3",
  ])
  client.unsubscribe(subscription)
  assert.deepEqual(FakeSocket.last.actions("unsubscribe")[0].execution_id, "x")
  client.disconnect()
})

test("what an execution's replay brings for its workflow is neither lost nor told twice", async () => {
  FakeSocket.reset({
    subscribe: (message, socket) => {
      if (message.workflow_id) return socket.say("subscribed", { workflow_id: "default.w" }, { id: message.id, epoch, offset: 10 })
      socket.say("subscribed", { execution_id: "x" }, { id: message.id, epoch, offset: 10 })
    },
  })
  const client = make()
  await client.connect()
  const told = []
  const of = (execution_id, offset) => FakeSocket.last.say("workflow_status", { execution_id, workflow_id: "default.w" }, { epoch, offset })
  const all = client.subscribe({ workflow_id: "w" }, ({ type, offset }) => type === "workflow_status" && told.push(offset))
  const one = client.subscribe({ execution_id: "x" }, () => {})
  await one.ready
  // Of the execution, ahead of what is published to the workflow.
  of("x", 13)
  of("y", 11)
  of("y", 12)
  await eventually(() => told.length === 3)
  assert.deepEqual(told, [13, 11, 12])
  assert.deepEqual(all.place, { epoch, offset: 12 })
  // On the next connection the server tells 13 of the execution before the workflow is subscribed to again.
  FakeSocket.answers.subscribe = (message, socket) => {
    if (message.workflow_id) return
    socket.say("subscribed", { execution_id: "x", recovered: true }, { id: message.id, epoch, offset: 13 })
    of("x", 16)
    const { id } = socket.actions("subscribe").find((sent) => sent.workflow_id)
    socket.say("subscribed", { workflow_id: "default.w", recovered: true }, { id, epoch, offset: 12 })
    of("y", 14)
    of("y", 15)
    of("x", 13)
  }
  FakeSocket.answers.ping = undefined
  FakeSocket.last.end(1006)
  await eventually(() => told.length === 5)
  const last = FakeSocket.last.actions("ping").at(-1)
  for (const ping of FakeSocket.last.actions("ping")) FakeSocket.last.say("pong", {}, { id: ping.id })
  assert.ok(last)
  await eventually(() => told.length === 6)
  assert.deepEqual(told, [13, 11, 12, 14, 15, 16])
  client.disconnect()
})

test("a subscription that is refused says why and is not asked for again; a fault of the server is", async () => {
  let faults = 1
  FakeSocket.reset({
    subscribe: (message, socket) => {
      if (message.execution_id === "gone")
        return socket.say("error", { code: "workflow.execution_not_found", message: "there is none" }, { id: message.id })
      if (faults-- > 0) return socket.say("error", { code: "storage.unavailable", message: "busy" }, { id: message.id })
      socket.say("subscribed", { execution_id: "x" }, { id: message.id, epoch, offset: 1 })
    },
  })
  const client = make()
  await client.connect()
  await assert.rejects(client.subscribe({ execution_id: "gone" }).ready, { code: "workflow.execution_not_found" })
  assert.equal(client.subscriptions.length, 0)
  await client.subscribe({ execution_id: "x" }).ready
  assert.equal(FakeSocket.last.actions("subscribe").length, 3)
  client.disconnect()
})

test("rooms: messages, presence, a gap that is told, and publishing that happens once", async () => {
  FakeSocket.reset({
    subscribe: subscribed("room", "hall", 3),
    publish: (message, socket) => {
      socket.published = message
      if (FakeSocket.all.length > 1) socket.say("ack", { room: message.room, id: "m9", epoch, offset: 9 }, { id: message.id })
    },
  })
  const client = make()
  const told = []
  const room = client.subscribe({ room: "hall" }, (message) => told.push(message.type))
  await client.connect()
  await room.ready
  FakeSocket.last.say("message", { room: "hall", id: "m", sender: "eve", content: "hi", type: "text" }, { epoch, offset: 4 })
  FakeSocket.last.say("presence", { room: "hall", event: "join", user: "eve", members: 2 })
  FakeSocket.last.say("gap", { room: "hall", from: 5, to: 7 }, { epoch, offset: 7 })
  FakeSocket.last.say("message", { room: "hall", content: "late" }, { epoch, offset: 6 })
  FakeSocket.last.say("message", { room: "hall", content: "on" }, { epoch, offset: 8 })
  await eventually(() => told.length === 5)
  assert.deepEqual(told, ["subscribed", "message", "presence", "gap", "message"])
  assert.deepEqual(room.place, { epoch, offset: 8 })
  // The answer is lost: sent again on the next connection, under the same key.
  const published = client.publish("hall", { text: "hello" }, { type: "note" })
  const first = FakeSocket.last
  await eventually(() => first.published)
  first.end(1006)
  const ack = await published
  assert.equal(ack.data.offset, 9)
  assert.equal(FakeSocket.last.published.idempotency_key, first.published.idempotency_key)
  assert.deepEqual(FakeSocket.last.published.content, { text: "hello" })
  assert.equal(FakeSocket.last.published.type, "note")
  // The server takes it away, and says why.
  FakeSocket.last.say("unsubscribed", { room: "hall", reason: "you are no member any more" })
  await eventually(() => told.at(-1) === "unsubscribed")
  assert.equal(client.subscriptions.length, 0)
  client.disconnect()
})

test("what waits for a connection is bounded, and is sent in order", async () => {
  FakeSocket.reset({ publish: (message, socket) => socket.say("ack", {}, { id: message.id }) })
  const client = make({ queueMax: 3 })
  const waiting = [1, 2, 3].map((number) => client.publish("r", number))
  await assert.rejects(client.publish("r", 4), { code: "client.queue_full" })
  await client.connect()
  await Promise.all(waiting)
  assert.deepEqual(FakeSocket.last.actions("publish").map(({ content }) => content), [1, 2, 3])
  // What may not be done twice is not: the caller learns of it.
  FakeSocket.answers.get_stats = FakeSocket.answers.ping = undefined
  const lost = client.ping()
  FakeSocket.last.end(1006)
  await assert.rejects(lost, { code: "client.connection_lost" })
  client.disconnect()
})

test("a connection that gives no sign of life is given up", async () => {
  FakeSocket.reset({ ping: undefined })
  const client = make({ pingInterval: 20, pongTimeout: 20 })
  await client.connect()
  const first = FakeSocket.last
  await eventually(() => FakeSocket.all.length > 1 && client.isConnected)
  assert.equal(first.closedWith, 1000)
  client.disconnect()
  // One that never says anything, too.
  FakeSocket.reset({ authenticate: undefined })
  const silent = make({ connectTimeout: 10, attemptsMax: 1 })
  await assert.rejects(silent.connect(), { code: "client.gave_up" })
  const waiting = make({ token: () => new Promise(() => {}), connectTimeout: 10, attemptsMax: 1 })
  await assert.rejects(waiting.connect(), { code: "client.gave_up" })
})

test("a listener that fails harms nobody else", async () => {
  FakeSocket.reset()
  const reported = []
  globalThis.reportError = (error) => reported.push(error.message)
  const client = make()
  client.on("connected", () => { throw new Error("mine") })
  let isCalled = false
  client.on("connected", () => { isCalled = true })
  await client.connect()
  assert.ok(isCalled)
  assert.deepEqual(reported, ["mine"])
  delete globalThis.reportError
  client.disconnect()
  assert.ok(new RealtimeError("a", "b") instanceof Error)
})

test("rooms in which the platform talks: executions by either name, jobs by job, queue and workspace", async () => {
  FakeSocket.reset({ subscribe: (message, socket) => {
    const name = message.execution_id ? { execution_id: message.execution_id } : { room: message.room }
    socket.say("subscribed", name, { id: message.id, epoch, offset: 10 })
  } })
  const client = make()
  await client.connect()
  const told = { job: [], queue: [], all: [], execution: [] }
  const keep = (list) => ({ type, offset }) => type !== "subscribed" && list.push(offset)
  await client.subscribe({ room: "execution:e" }, keep(told.execution)).ready
  assert.equal(FakeSocket.last.actions("subscribe")[0].execution_id, "e")
  await client.subscribe({ room: "job:a" }, keep(told.job)).ready
  const queue = client.subscribe({ room: "queue:q" }, keep(told.queue))
  await queue.ready
  await client.subscribe({ room: "jobs:w" }, keep(told.all)).ready
  await eventually(() => FakeSocket.last.actions("ping").length === 4)
  const say = (data, offset, type = "job_status") => FakeSocket.last.say(type, data, { epoch, offset })
  say({ job_id: "a", queue: "q" }, 11)
  say({ job_id: "b", queue: "q" }, 12)
  say({ job_id: "b", schedule_id: "a", queue: "other" }, 13)
  say({ queue: "q" }, 14, "queue_status")
  say({ execution_id: "e", workflow_id: "default.x" }, 15, "workflow_status")
  await eventually(() => told.execution.length === 1)
  assert.deepEqual(told, { job: [11, 13], queue: [11, 12, 14], all: [11, 12, 13, 14], execution: [15] })
  assert.equal(queue.place.offset, 14)
  client.disconnect()
})

test("rooms that it is in without asking go on where they were, and ask only for what was missed", async () => {
  let rooms = [{ room: "user:u", epoch: "e.0", offset: 0 }, { room: "workspace:w", epoch: "e.7", offset: 5 }]
  FakeSocket.reset({
    authenticate: (message, socket) => socket.say("connected", { authenticated: true, rooms }, { id: message.id }),
    subscribe: (message, socket) => {
      // Something is said meanwhile, and is told again after the answer.
      socket.say("message", { room: message.room, content: 3 }, { epoch: "e.9", offset: 3 })
      socket.say("subscribed", { room: message.room, recovered: true }, { id: message.id, epoch: "e.9", offset: message.since.offset })
      for (let offset = message.since.offset + 1; offset <= 3; offset += 1)
        socket.say("message", { room: message.room, content: offset }, { epoch: "e.9", offset })
    },
  })
  const client = make()
  const told = []
  client.on("message", ({ type, data }) => type === "message" && told.push(data.content))
  await client.connect()
  FakeSocket.last.say("message", { room: "user:u", content: 1 }, { epoch: "e.9", offset: 1 })
  await eventually(() => told.length === 1)
  rooms = [{ room: "user:u", epoch: "e.9", offset: 2 }, { room: "workspace:w", epoch: "e.7", offset: 5 }]
  FakeSocket.last.end(1006)
  await eventually(() => told.length === 3)
  assert.deepEqual(told, [1, 2, 3])
  assert.deepEqual(FakeSocket.last.actions("subscribe").map(({ room, since, quiet }) => [room, since, quiet]),
    [["user:u", { epoch: "e.9", offset: 1 }, true]])
  assert.deepEqual(client.rooms, [{ room: "user:u", epoch: "e.9", offset: 3 }, { room: "workspace:w", epoch: "e.7", offset: 5 }])
  client.disconnect()
  assert.ok(make({ auto: false }).url.endsWith("?auto=false"))
})
