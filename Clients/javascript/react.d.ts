import type {
  CognitionRealtime, RealtimeError, RealtimeOptions, ServerMessage, Session, SubscribeOptions, Target,
} from "./cognitionos-realtime.js"

export interface HookOptions extends RealtimeOptions {
  onMessage?: (message: ServerMessage) => void
  onConnect?: (session: Session) => void
  onError?: (error: RealtimeError) => void
  /** Connects when the component is shown: `true`. */
  autoConnect?: boolean
}

export interface HookResult {
  isConnected: boolean
  isConnecting: boolean
  error: RealtimeError | null
  messageCount: number
  /** `null` until the component is shown. */
  client: CognitionRealtime | null
  connect(): Promise<Session>
  disconnect(): void
  /** Returns what ends it, as an effect does. */
  subscribe(target: Target, listener?: (message: ServerMessage) => void, options?: SubscribeOptions): () => void
  unsubscribe(target: Target): void
}

export function useCognitionRealtime(options: HookOptions): HookResult

/** Makes the hook of a React that is given. */
export function createUseCognitionRealtime(react: {
  useCallback: Function
  useEffect: Function
  useRef: Function
  useState: Function
}): typeof useCognitionRealtime
