/** Where a subscription stands: an offset in the log or room that `epoch` names. */
export interface Place {
  epoch: string
  offset: number
}

export type Target = { execution_id: string } | { workflow_id: string } | { room: string }

/** A message of the server (Docs/WebSocket.md). */
export interface ServerMessage<Data = Record<string, any>> {
  type:
    | "connected" | "subscribed" | "unsubscribed" | "workflow_status" | "event" | "message" | "notification"
    | "presence" | "ack" | "stats" | "pong" | "error" | "gap" | "token_expiring" | (string & {})
  data: Data
  id?: number | string
  epoch?: string
  offset?: number
}

export interface Session {
  connection_id: string
  authenticated: true
  user_id: string
  workspace_id: string
  expires_at: string
  heartbeat_interval: number
}

/** `connect`: for a new connection; `expiring`: the token ends within half a minute; `refused`: the last one was not taken. */
export type TokenReason = "connect" | "expiring" | "refused"

export type TokenSource = string | ((request: { reason: TokenReason }) => string | null | Promise<string | null>)

export interface RealtimeOptions {
  /** Of the server, as `ws`, `wss`, `http` or `https`, without a path `/ws/connect`; in a page its own server unless given. */
  url?: string | URL
  /** An access token or API key, or a function that has one; without one (`null`) there is no connection. */
  token: TokenSource
  /** Where the runtime has none of its own: Node.js before version 22. */
  WebSocket?: new (url: string) => any
  /** `false`: not in the rooms of the user and the workspace without asking. */
  auto?: boolean
  /** Attempts in a row before it gives up: 10. */
  attemptsMax?: number
  /** Milliseconds; the bound of the first delay: 500. */
  delayBase?: number
  /** Milliseconds; what the bound grows to: 30,000. */
  delayMax?: number
  /** Milliseconds after which a connection counts as stable, and attempts begin anew: 60,000. */
  stableAfter?: number
  /** Milliseconds from the attempt until the server knows who is there: 15,000. */
  connectTimeout?: number
  /** Milliseconds of silence after which the server is asked for a sign of life: 25,000. */
  pingInterval?: number
  /** Milliseconds that the answer may take: 10,000. */
  pongTimeout?: number
  /** Actions that may wait for a connection: 100. */
  queueMax?: number
  /** In 0..<1; `Math.random`. */
  random?: () => number
}

export class RealtimeError extends Error {
  constructor(code: string, message: string, closeCode?: number)
  /** Of the server (Docs/Errors.md), or one of ours, which begin with `client.` (README.md). */
  code: string
  closeCode?: number
  cause?: unknown
}

export interface Disconnection {
  code: number
  reason: string
  willReconnect: boolean
  /** Milliseconds until the next attempt. */
  delay?: number
  attempt?: number
}

export type State = "disconnected" | "connecting" | "connected" | "waiting"

export interface Events {
  state: State
  connected: Session
  disconnected: Disconnection
  /** Everything that the server says but `pong`. */
  message: ServerMessage
  error: RealtimeError
}

export interface SubscribeOptions {
  /** Everything after this place; without it, from now on. */
  since?: Place
  /** `false`: without the text of running tasks. */
  tokens?: boolean
  /** `false`: without who comes to a room and goes. */
  presence?: boolean
}

export interface Subscription {
  readonly member: "execution_id" | "workflow_id" | "room"
  readonly id: string
  /** Up to where it was told. */
  readonly place: Place | null
  /** The first `subscribed.data`. */
  readonly ready: Promise<Record<string, any>>
  unsubscribe(): void
}

export class CognitionRealtime {
  constructor(options: RealtimeOptions)
  readonly url: string
  readonly state: State
  readonly isConnected: boolean
  /** Also while it waits for the next attempt. */
  readonly isConnecting: boolean
  readonly session: Session | null
  readonly messageCount: number
  readonly subscriptions: Subscription[]
  on<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void
  off<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): void
  connect(): Promise<Session>
  disconnect(): void
  subscribe(target: Target, listener?: (message: ServerMessage) => void, options?: SubscribeOptions): Subscription
  unsubscribe(target: Target | Subscription): void
  publish(
    room: string, content: unknown, options?: { type?: string; idempotency_key?: string }
  ): Promise<ServerMessage>
  request(message: { action: string; [member: string]: unknown }, options?: { repeatable?: boolean }): Promise<ServerMessage>
  ping(): Promise<number>
  stats(): Promise<Record<string, number>>
}

/** What the client does after a close with the code. */
export function afterClose(code: number): "stop" | "token" | "idle" | "later" | "now" | "again"
