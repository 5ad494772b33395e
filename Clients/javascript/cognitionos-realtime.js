/**
 * A connection to the WebSocket of CognitionOS that stays: it comes back by itself, goes on where it was, and tells
 * every message of a subscription once. No dependencies; see README.md.
 */

/** What is wrong in the server may be better in a moment; what is not there or not allowed will not be. */
const isTemporary = (error) => /^(storage|database)\.|\.internal$/.test(error.code)

/** What goes wrong, with a stable `code`: one of the server's (Docs/Errors.md), or one of ours, which begin with `client.`. */
export class RealtimeError extends Error {
  constructor(code, message, closeCode) {
    super(message)
    this.name = "RealtimeError"
    this.code = code
    /** The close code of the connection, where that is the reason. */
    this.closeCode = closeCode
  }
}

const defaults = {
  attemptsMax: 10,
  delayBase: 500,
  delayMax: 30_000,
  stableAfter: 60_000,
  connectTimeout: 15_000,
  pingInterval: 25_000,
  pongTimeout: 10_000,
  queueMax: 100,
  random: Math.random,
}

/** Messages of a workflow that came for an execution of it, and are remembered so that none is told twice. */
const aheadMax = 1_000

/**
 * What to do after a close (Docs/WebSocket.md, "Close codes"): `stop` for good, `token`: with a new one, `idle`: only when
 * there is something to watch, `later`: after a long delay, `now`, or `again` after a growing delay.
 */
export function afterClose(code) {
  if ([1002, 1003, 1007, 1009, 4403].includes(code) || (code >= 4000 && code < 4100)) return "stop"
  if (code === 4401) return "token"
  if (code === 4408) return "idle"
  if (code >= 4400 && code < 4500) return "later"
  if (code >= 4500 && code < 4600) return "now"
  return "again"
}

export class CognitionRealtime {
  #options
  #WebSocket
  #listeners = new Map()
  #state = "disconnected"
  #socket = null
  #subscriptions = new Map()
  #requests = new Map()
  #queue = []
  #number = 0
  #attempts = 0
  #timers = new Map()
  #turn = 0
  #tokenReason = "connect"
  #waiters = []
  #online = null
  /** Rooms that the device is in without asking, and up to where each was told; `asked` while what was missed is asked for. */
  #homes = new Map()
  #receivedAt = 0
  /** The connection ended because there was nothing to do: what comes up next opens another. */
  #isResting = false

  /** Messages that have come from the server, over all connections. */
  messageCount = 0
  /** What the server said when it knew who is connected: `connection_id`, `user_id`, `workspace_id`, `expires_at`. */
  session = null

  constructor(options = {}) {
    this.#options = { ...defaults, ...options }
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket
    if (!this.#WebSocket)
      throw new RealtimeError("client.no_websocket", "this runtime has no WebSocket: give one as the option WebSocket")
    if (!options.token) throw new RealtimeError("client.no_token", "the option token is needed: a text, or a function")
    this.url = address(options.url, options.auto)
  }

  /** `disconnected`, `connecting`, `connected`, or `waiting` for the next attempt. */
  get state() { return this.#state }
  get isConnected() { return this.#state === "connected" }
  get isConnecting() { return this.#state === "connecting" || this.#state === "waiting" }
  /** What is subscribed to, whether connected or not. */
  get subscriptions() { return [...this.#subscriptions.values()] }
  /** The rooms of the user and the workspace that this is in without asking: `{room, epoch, offset}`, up to where it was told. */
  get rooms() { return [...this.#homes].map(([room, { epoch, offset }]) => ({ room, epoch, offset })) }

  // Events

  /** Calls `listener` at each event of the type, until the function that is returned is called. */
  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set())
    this.#listeners.get(type).add(listener)
    return () => this.off(type, listener)
  }

  off(type, listener) { this.#listeners.get(type)?.delete(listener) }

  #emit(type, value) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) call(listener, value)
  }

  #setState(state) {
    if (this.#state === state) return
    this.#state = state
    this.#emit("state", state)
  }

  // Connecting

  /**
   * Connects, and comes back until `disconnect`. Settles with the first outcome: what the server said of the session, or
   * the reason why it gave up.
   */
  connect() {
    if (this.isConnected) return Promise.resolve(this.session)
    const outcome = new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
    this.#isResting = false
    if (this.#state === "disconnected") {
      this.#attempts = 0
      this.#listenForNetwork()
      this.#open()
    } else if (this.#state === "waiting") this.#hurry()
    return outcome
  }

  /** Ends the connection. Subscriptions and what is queued stay for the next `connect`. */
  disconnect() {
    const socket = this.#socket
    this.#isResting = false
    this.#leave()
    this.#end(new RealtimeError("client.disconnected", "disconnect was called"))
    if (socket) close(socket)
  }

  async #open() {
    const turn = ++this.#turn
    this.#setState("connecting")
    // Also for a token that does not come.
    this.#timer("connect", this.#options.connectTimeout, () => this.#drop("nothing was heard in time"))
    let token
    try {
      const { token: source } = this.#options
      token = typeof source === "function" ? await source({ reason: this.#tokenReason }) : source
    } catch (cause) {
      if (turn !== this.#turn) return
      const error = new RealtimeError("client.token_failed", `no token: ${cause?.message ?? cause}`)
      error.cause = cause
      this.#emit("error", error)
      return this.#lost({ code: 1006, reason: error.message })
    }
    if (turn !== this.#turn) return
    if (!token) return this.#stop(new RealtimeError("client.no_token", "there is no token to connect with"))
    this.#start(token, turn)
  }

  #start(token, turn) {
    let socket
    try {
      socket = new this.#WebSocket(this.url)
    } catch (cause) {
      return this.#stop(new RealtimeError("client.address_invalid", String(cause?.message ?? cause)))
    }
    this.#socket = socket
    const isCurrent = () => turn === this.#turn && socket === this.#socket
    // As a message and not with the handshake: a browser does not tell why a handshake was refused.
    socket.onopen = () => isCurrent() && this.#write({ action: "authenticate", token, id: "authenticate" })
    socket.onmessage = ({ data }) => {
      if (!isCurrent() || typeof data !== "string") return
      this.messageCount += 1
      this.#receivedAt = Date.now()
      this.#receive(JSON.parse(data))
    }
    socket.onclose = ({ code, reason }) => isCurrent() && this.#lost({ code: code || 1006, reason: reason ?? "" })
    // A connection that could not be made ends with an error, and not everywhere with a close as well.
    socket.onerror = () => setTimeout(() => isCurrent() && socket.readyState !== 1 && this.#lost({ code: 1006, reason: "" }))
  }

  /** Gives up a connection that says nothing, without waiting for its end. */
  #drop(reason) {
    const socket = this.#socket
    this.#socket = null
    if (socket) close(socket)
    this.#lost({ code: 1006, reason })
  }

  #lost({ code, reason }) {
    this.#leave()
    let next = afterClose(code)
    // A text does not change from try to try.
    if (next === "token" && typeof this.#options.token !== "function") next = "stop"
    const hasWork = this.#subscriptions.size > 0 || this.#queue.length > 0
    if (next === "stop" || (next === "idle" && !hasWork)) {
      this.#emit("disconnected", { code, reason, willReconnect: false })
      const error = new RealtimeError("client.closed", `the server closed with ${code}${reason && `: ${reason}`}`, code)
      if (next === "stop") return this.#stop(error)
      // Nothing is wrong where nobody watches.
      this.#isResting = true
      return this.#end(error)
    }
    if (this.#attempts >= this.#options.attemptsMax) {
      this.#emit("disconnected", { code, reason, willReconnect: false })
      return this.#stop(
        new RealtimeError("client.gave_up", `no connection after ${this.#attempts} attempts${reason && `: ${reason}`}`, code))
    }
    if (next === "token") this.#tokenReason = "refused"
    const delay = this.#delay(next)
    this.#attempts += 1
    this.#setState("waiting")
    this.#emit("disconnected", { code, reason, willReconnect: true, attempt: this.#attempts, delay })
    this.#timer("reconnect", delay, () => this.#open())
  }

  /** Full jitter: anywhere between nothing and a bound that doubles from attempt to attempt. */
  #delay(next) {
    const { delayBase, delayMax, random } = this.#options
    const bound = Math.min(delayMax, delayBase * 2 ** this.#attempts)
    if (next === "now") return random() * delayBase
    if (next === "later") return delayMax / 2 + random() * (delayMax / 2)
    return random() * bound
  }

  /** What belongs to the connection is over; requests that may be repeated wait for the next one. */
  #leave() {
    this.#turn += 1
    this.#socket = null
    this.session = null
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    const repeated = []
    for (const request of this.#requests.values()) {
      if (request.isRepeatable) repeated.push(request)
      else request.reject?.(new RealtimeError("client.connection_lost", "the connection was lost before the answer"))
    }
    this.#requests.clear()
    this.#queue.unshift(...repeated)
    for (const subscription of this.#subscriptions.values()) subscription._left()
  }

  #stop(error) {
    this.#leave()
    this.#emit("error", error)
    this.#end(error)
  }

  #end(error) {
    this.#stopListeningForNetwork()
    this.#setState("disconnected")
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }

  #timer(name, delay, action) {
    clearTimeout(this.#timers.get(name))
    this.#timers.set(name, setTimeout(action, delay))
  }

  #listenForNetwork() {
    if (typeof globalThis.addEventListener !== "function" || this.#online) return
    this.#online = () => this.#hurry()
    globalThis.addEventListener("online", this.#online)
  }

  #hurry() {
    if (this.#state !== "waiting") return
    clearTimeout(this.#timers.get("reconnect"))
    this.#open()
  }

  #stopListeningForNetwork() {
    if (this.#online) globalThis.removeEventListener("online", this.#online)
    this.#online = null
  }

  // Messages

  #receive(message) {
    const { type, data = {} } = message
    const request = message.id === undefined ? undefined : this.#requests.get(message.id)
    if (request) this.#requests.delete(message.id)
    switch (type) {
      case "connected":
        if (data.authenticated && !this.isConnected) this.#begin(data)
        else if (data.authenticated) this.session = data
        break
      case "token_expiring": this.#refresh(); break
      case "error":
        if (message.id === "authenticate" || !request) this.#emit("error", new RealtimeError(data.code, data.message))
        break
    }
    if (request && type === "error") request.reject?.(new RealtimeError(data.code, data.message))
    else if (request) request.resolve?.(message)
    if (type === "pong" || !this.#takeHome(message, request)) return
    this.#route(message)
    this.#emit("message", message)
  }

  #begin(data) {
    clearTimeout(this.#timers.get("connect"))
    this.#tokenReason = "connect"
    this.session = data
    this.#setState("connected")
    this.#timer("stable", this.#options.stableAfter, () => { this.#attempts = 0 })
    this.#keepAlive()
    for (const subscription of this.#subscriptions.values()) this.#ask(subscription)
    for (const place of data.rooms ?? []) this.#enterHome(place)
    const queue = this.#queue
    this.#queue = []
    for (const request of queue) this.#post(request)
    this.#emit("connected", data)
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.resolve(data)
  }

  /** Goes on where it was in a room that it is in without asking; most of the time nothing was said there meanwhile. */
  #enterHome({ room, epoch, offset }) {
    const old = this.#homes.get(room)
    // A subscription of its own goes on by itself.
    if (!old || this.#subscriptions.has(`room:${room}`) || (old.epoch === epoch && old.offset === offset))
      return this.#homes.set(room, { epoch, offset })
    const since = { epoch: old.epoch, offset: old.offset }
    const failed = (error) => {
      // Without an answer nothing is known, and the next connection asks again from the same place.
      if (error.code === "client.connection_lost") return
      if (!isTemporary(error)) return this.#homes.set(room, { epoch, offset })
      this.#later(`again room:${room}`, () => this.#enterHome({ room, epoch, offset }))
    }
    const request = this.#request({ action: "subscribe", room, since, quiet: true }, undefined, failed)
    this.#homes.set(room, { ...since, asked: request.id })
    this.#post(request)
  }

  /** Whether a message is to be told: what comes in a room before the answer to what was asked there comes again. */
  #takeHome({ type, id, epoch, offset, data }) {
    const home = data && this.#homes.get(data.room)
    if (!home) return true
    if (type === "subscribed" && id !== undefined && id === home.asked)
      this.#homes.set(data.room, data.recovered === true && home.epoch === epoch ? { epoch, offset: home.offset } : { epoch, offset })
    else if (offset !== undefined && type !== "subscribed") {
      if (home.asked || (home.epoch === epoch && offset <= home.offset)) return this.#subscriptions.has(`room:${data.room}`)
      this.#homes.set(data.room, { epoch, offset })
    }
    return true
  }

  /** Asks for a sign of life where none has come for a while, as a lost network tells nobody. */
  #keepAlive() {
    const { pingInterval, pongTimeout } = this.#options
    this.#timer("ping", pingInterval, () => {
      if (Date.now() - this.#receivedAt < pingInterval / 2) return this.#keepAlive()
      this.#timer("pong", pongTimeout, () => this.#drop("no answer to a ping"))
      this.#post(this.#request({ action: "ping" }, () => {
        clearTimeout(this.#timers.get("pong"))
        this.#keepAlive()
      }))
    })
  }

  async #refresh() {
    const turn = this.#turn
    const { token: source } = this.#options
    // A text does not change: the server closes with 4401 when it has ended.
    if (typeof source !== "function") return
    try {
      const token = await source({ reason: "expiring" })
      if (turn !== this.#turn || !this.isConnected || !token) return
      const failed = (error) => { if (error.code !== "client.connection_lost") this.#emit("error", error) }
      this.#post(this.#request({ action: "refresh", token }, undefined, failed))
    } catch (cause) {
      // The connection stands until the token's end; then a new one is asked for.
      this.#emit("error", new RealtimeError("client.token_failed", `no token: ${cause?.message ?? cause}`))
    }
  }

  #request(message, resolve, reject, isRepeatable = false) {
    return { id: `c${++this.#number}`, message, resolve, reject, isRepeatable }
  }

  #post(request) {
    this.#requests.set(request.id, request)
    this.#write({ ...request.message, id: request.id })
  }

  #write(message) { this.#socket?.send(JSON.stringify(message)) }

  /**
   * Sends an action, and settles with the server's answer. Without a connection it waits for one; more than `queueMax` do
   * not wait. Only what `repeatable` says may be done twice is sent again when its answer is lost.
   */
  request(message, { repeatable = false } = {}) {
    return new Promise((resolve, reject) => {
      const request = this.#request(message, resolve, reject, repeatable)
      if (this.isConnected) return this.#post(request)
      if (this.#queue.length >= this.#options.queueMax)
        return reject(new RealtimeError("client.queue_full", `${this.#options.queueMax} actions wait for a connection`))
      this.#queue.push(request)
      this.#wake()
    })
  }

  #wake() { if (this.#isResting) this.connect().catch(() => { /* told as an event */ }) }

  /** Milliseconds to the server and back. */
  async ping() {
    const start = now()
    await this.request({ action: "ping" })
    return now() - start
  }

  /** What the server does now and did since its start. */
  async stats() { return (await this.request({ action: "get_stats" }, { repeatable: true })).data }

  /**
   * Publishes to a room, and settles with the server's acknowledgement. It has a key, so that it happens once even where the
   * answer is lost and it is sent again.
   */
  publish(room, content, { type, idempotency_key = uniqueKey() } = {}) {
    return this.request(
      { action: "publish", room, content, ...(type && { type }), idempotency_key }, { repeatable: true })
  }

  // Subscriptions

  /**
   * Subscribes to `{execution_id}`, `{workflow_id}` or `{room}`, those too in which the platform talks, now and after every reconnect.
   *
   * @param listener Gets each message of it: `subscribed` first, and again after each reconnect.
   * @param options `since`: a place `{epoch, offset}` to go on from; `tokens: false`: without the text of running tasks;
   *   `presence: false`: without who comes and goes.
   */
  subscribe(target, listener, options = {}) {
    const [member, id] = targetOf(target)
    this.unsubscribe(target)
    const subscription = new Subscription(this, member, id, listener, options)
    this.#subscriptions.set(`${member}:${id}`, subscription)
    if (this.isConnected) this.#ask(subscription)
    else this.#wake()
    return subscription
  }

  /** Ends a subscription, by its target or as `subscribe` has returned it. */
  unsubscribe(target) {
    const [member, id] = target instanceof Subscription ? [target.member, target.id] : targetOf(target)
    const subscription = this.#subscriptions.get(`${member}:${id}`)
    if (!subscription || (target instanceof Subscription && target !== subscription)) return
    this.#subscriptions.delete(`${member}:${id}`)
    subscription._end()
    if (this.isConnected) this.#post(this.#request({ action: "unsubscribe", [member]: id }))
  }

  #ask(subscription) {
    const { member, id, place, options } = subscription
    const message = { action: "subscribe", [member]: id }
    if (place) message.since = place
    for (const name of ["tokens", "presence"]) if (options[name] === false) message[name] = false
    const request = this.#request(message, undefined, (error) => this.#refused(subscription, error))
    subscription._asked(request.id)
    this.#post(request)
    // Answers come in the order of the requests: what follows this one's is behind all that was missed.
    this.#post(this.#request({ action: "ping" }, () => subscription._release(this.#isNarrower)))
  }

  /** Does something in a moment, on the same connection. */
  #later(name, action) {
    const turn = this.#turn
    this.#timer(name, this.#delay("now") + 500, () => { if (turn === this.#turn) action() })
  }

  #refused(subscription, error) {
    if (error.code === "client.connection_lost" || !this.subscriptions.includes(subscription)) return
    if (isTemporary(error)) {
      const again = () => { if (this.subscriptions.includes(subscription)) this.#ask(subscription) }
      return this.#later(`again ${subscription.member}:${subscription.id}`, again)
    }
    this.#subscriptions.delete(`${subscription.member}:${subscription.id}`)
    subscription._fail(error)
    this.#emit("error", error)
  }

  /** Whether what a message is of has a narrower subscription as well: an execution beside its workflow, a job beside its queue. */
  #isNarrower = (message, wide) => {
    for (const one of this.#subscriptions.values())
      if (one !== wide && one.width < wide.width && one._concerns(message)) return true
    return false
  }

  #route(message) {
    if (message.type === "subscribed") {
      for (const one of this.#subscriptions.values()) if (one._isAnswer(message)) one._opened(message)
      return
    }
    if (!message.data) return
    // Not asked for: what gave the right to it is gone.
    if (message.type === "unsubscribed" && message.data.reason !== undefined) {
      for (const one of this.subscriptions)
        if (message.data[one.member] === one.name) {
          this.#subscriptions.delete(`${one.member}:${one.id}`)
          one._removed(message)
        }
      return
    }
    for (const one of [...this.#subscriptions.values()])
      if (one._concerns(message)) one._take(message, this.#isNarrower)
  }
}

/** One subscription, over any number of connections. */
class Subscription {
  #client
  #listener
  #isOpen = false
  #request = null
  #held = []
  #ahead = new Set()
  #settle

  constructor(client, member, id, listener, options) {
    this.#client = client
    this.#listener = listener
    this.member = member
    this.id = id
    /** As the server names it. */
    this.name = member === "workflow_id" && !id.includes(".") ? `default.${id}` : id
    this.options = options
    /** What the log tells may concern a narrower subscription too. */
    this.width = member === "workflow_id" ? 1 : member !== "room" ? 0 : id.startsWith("queue:") ? 1 : id.startsWith("jobs:") ? 2 : 0
    /** Up to where it was told: `{epoch, offset}`; what `since` takes, also in another process. */
    this.place = options.since ?? null
    /** Settles with the first `subscribed.data`, or with why it was refused. */
    this.ready = new Promise((resolve, reject) => { this.#settle = { resolve, reject } })
    this.ready.catch(() => {})
  }

  unsubscribe() { this.#client.unsubscribe(this) }

  _asked(request) { this.#request = request }
  _left() { this.#isOpen = false; this.#request = null; this.#held = [] }
  _end() { this.#listener = null; this.#settle.reject(new RealtimeError("client.unsubscribed", "the subscription has ended")) }
  _removed(message) {
    this.#tell(message)
    this._fail(new RealtimeError("client.unsubscribed", message.data.reason))
  }
  _fail(error) { this.#listener = null; this.#settle.reject(error) }

  _isAnswer(message) { return message.id !== undefined && message.id === this.#request }

  _opened(message) {
    const { data, epoch, offset } = message
    this.name = data[this.member] ?? this.name
    this.#isOpen = true
    if (epoch !== undefined && (data.recovered !== true || this.place?.epoch !== epoch)) {
      this.place = { epoch, offset }
      this.#ahead.clear()
    }
    this.#settle.resolve(data)
    this.#tell(message)
  }

  _concerns({ type, data }) {
    if (type === "unsubscribed" || type === "ack" || type === "error") return false
    // The text of running tasks is for those who watch the execution.
    if (type === "event" && this.member === "workflow_id") return false
    if (this.member === "room" && isOfJobs(this.name, { type, data })) return true
    return data[this.member] !== undefined && data[this.member] === this.name
  }

  _take(message, isNarrower) {
    const { offset } = message
    if (offset === undefined || message.type === "gap") return this.#take(message)
    // Another subscription of this connection has brought it, and what comes before it is still under way.
    if (!this.#isOpen) return this.#held.push(message)
    while (this.#held.length > 0 && this.#held[0].offset < offset) this.#count(this.#held.shift(), isNarrower)
    this.#count(message, isNarrower)
  }

  _release(isNarrower) {
    const held = this.#held
    this.#held = []
    for (const message of held) this.#count(message, isNarrower)
  }

  #take(message) {
    const { type, data, epoch } = message
    if (type === "gap" && typeof data.to === "number" && this.place && data.to > this.place.offset)
      this.place = { epoch: epoch ?? this.place.epoch, offset: data.to }
    this.#tell(message)
  }

  /** Tells what was not told before. */
  #count(message, isNarrower) {
    const { epoch, offset } = message
    if (this.place?.epoch === epoch && (offset <= this.place.offset || this.#ahead.has(offset))) return
    if (this.width > 0 && isNarrower(message, this)) {
      // It may have come for the execution, before others of the workflow that happened earlier.
      this.#ahead.add(offset)
      if (this.#ahead.size > aheadMax) this.#advance(epoch, [...this.#ahead].sort((a, b) => a - b)[aheadMax / 2])
    } else {
      this.#advance(epoch, offset)
    }
    this.#tell(message)
  }

  #advance(epoch, offset) {
    this.place = { epoch, offset }
    for (const one of this.#ahead) if (one <= offset) this.#ahead.delete(one)
  }

  #tell(message) { if (this.#listener) call(this.#listener, message) }
}

// Helpers

function targetOf(target) {
  const members = ["execution_id", "workflow_id", "room"].filter((member) => target?.[member] !== undefined)
  if (members.length !== 1)
    throw new RealtimeError("client.target_invalid", "subscribe to one of execution_id, workflow_id and room")
  const [member, id] = [members[0], target[members[0]]]
  // Two of the rooms in which the platform talks have names of their own.
  for (const [scope, name] of [["execution:", "execution_id"], ["workflow:", "workflow_id"]])
    if (member === "room" && String(id).startsWith(scope)) return [name, id.slice(scope.length)]
  return [member, id]
}

/** Whether a message of the log is of a room for jobs. */
function isOfJobs(room, { type, data }) {
  if (type !== "job_status" && type !== "queue_status") return false
  const [scope, id] = [room.slice(0, room.indexOf(":")), room.slice(room.indexOf(":") + 1)]
  if (scope === "job") return data.job_id === id || data.schedule_id === id
  return scope === "jobs" || (scope === "queue" && data.queue === id)
}

function address(url, auto = true) {
  const base = globalThis.location?.href
  if (!url && !base) throw new RealtimeError("client.address_invalid", "the option url is needed outside of a page")
  const full = new URL(url ?? "/ws/connect", base)
  full.protocol = full.protocol.replace(/^http/, "ws")
  if (full.pathname === "/") full.pathname = "/ws/connect"
  if (!auto) full.searchParams.set("auto", "false")
  return full.href
}

function close(socket) { try { socket.close(1000) } catch { /* it is not open yet, or no longer */ } }

function call(listener, value) {
  try {
    listener(value)
  } catch (error) {
    // Whoever listens may fail; the connection goes on.
    if (typeof globalThis.reportError === "function") globalThis.reportError(error)
    else queueMicrotask(() => { throw error })
  }
}

function now() { return globalThis.performance?.now() ?? Date.now() }

function uniqueKey() {
  return globalThis.crypto?.randomUUID?.()
    ?? Array.from({ length: 4 }, () => Math.random().toString(36).slice(2, 10)).join("-")
}
