export { createUseCognitionRealtime } from "./react.js"
export type { HookOptions, HookResult } from "./react.js"
