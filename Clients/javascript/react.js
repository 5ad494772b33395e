import * as React from "react"
import { createUseCognitionRealtime } from "./react-hook.js"

export { createUseCognitionRealtime }

/** The state of a connection as a React hook; see README.md. */
export const useCognitionRealtime = createUseCognitionRealtime(React)
