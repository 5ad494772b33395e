import { CognitionRealtime } from "./cognitionos-realtime.js"

/** Milliseconds between two counts of messages that are shown, so that a busy feed does not render at every message. */
const countInterval = 50

/**
 * Makes the hook of a React that is given: also of one that was loaded as a script. `react.js` does so with the package.
 */
export function createUseCognitionRealtime({ useCallback, useEffect, useRef, useState }) {
  return function useCognitionRealtime(options = {}) {
    const { onMessage, onConnect, onError, autoConnect = true, url, ...rest } = options
    const address = url === undefined ? undefined : String(url)
    // What is called is always what the last render has given, and a change of it does not connect anew.
    const latest = useRef({})
    latest.current = { onMessage, onConnect, onError, options: rest }
    const [client, setClient] = useState(null)
    const current = useRef(null)
    const wanted = useRef(new Map())
    const [view, setView] = useState({ isConnected: false, isConnecting: false, error: null, messageCount: 0 })

    useEffect(() => {
      const { options: rest } = latest.current
      let made
      try {
        made = new CognitionRealtime({
          ...rest, url: address,
          token: typeof rest.token === "function" ? (request) => latest.current.options.token(request) : rest.token,
        })
      } catch (error) {
        setView((view) => ({ ...view, error }))
        latest.current.onError?.(error)
        return
      }
      let timer = null
      const show = (part) => setView((view) => ({
        ...view, isConnected: made.isConnected, isConnecting: made.isConnecting, ...part }))
      const off = [
        made.on("state", () => show()),
        made.on("connected", (session) => { show({ error: null }); latest.current.onConnect?.(session) }),
        made.on("error", (error) => { show({ error }); latest.current.onError?.(error) }),
        made.on("message", (message) => {
          timer ??= setTimeout(() => { timer = null; show({ messageCount: made.messageCount }) }, countInterval)
          latest.current.onMessage?.(message)
        }),
      ]
      current.current = made
      setClient(made)
      // What was subscribed to before there was a connection, or on the one before.
      for (const one of wanted.current.values()) {
        const place = one.subscription?.place
        one.subscription = made.subscribe(one.target, one.listener, place ? { ...one.options, since: place } : one.options)
      }
      // Told by the event.
      if (autoConnect) made.connect().catch(() => {})
      return () => {
        for (const stop of off) stop()
        clearTimeout(timer)
        made.disconnect()
        if (current.current === made) current.current = null
      }
    }, [address, autoConnect])

    const connect = useCallback(() => current.current?.connect() ?? Promise.reject(new Error("not mounted")), [])
    const disconnect = useCallback(() => current.current?.disconnect(), [])
    const subscribe = useCallback((target, listener, options) => {
      const key = JSON.stringify(target)
      const one = { target, listener, options, subscription: current.current?.subscribe(target, listener, options) }
      wanted.current.set(key, one)
      return () => {
        if (wanted.current.get(key) !== one) return
        wanted.current.delete(key)
        one.subscription?.unsubscribe()
      }
    }, [])
    const unsubscribe = useCallback((target) => {
      wanted.current.delete(JSON.stringify(target))
      current.current?.unsubscribe(target)
    }, [])

    return { ...view, client, connect, disconnect, subscribe, unsubscribe }
  }
}
