import CognitionCore
import CognitionRealtime
import CognitionWorkflows

/// Tells real-time connections what tasks are writing: those of this node, and with Redis those of the others.
struct RealtimeTexts: LiveTextSource {
    let streams: TokenStreams

    func watch(
        execution id: String, in workspace: WorkspaceID, wake: @escaping @Sendable () -> Void
    ) -> any LiveText {
        guard let execution = ExecutionID(id) else { return NoText() }
        return Text(execution: execution, watch: streams.watch(execution, in: workspace, wake: wake))
    }

    private struct Text: LiveText {
        let execution: ExecutionID
        let watch: TokenWatch

        func take() -> [JSONObject] {
            watch.take().map { update in
                let type =
                    switch update.change {
                    case .text: "task.token"
                    case .reset: "task.token_reset"
                    }
                var data: JSONObject = ["type": .string(type), "execution_id": .string(execution.description)]
                data.merge(update.json)
                return data
            }
        }

        func end() { watch.end() }
    }

    private struct NoText: LiveText {
        func take() -> [JSONObject] { [] }
        func end() {}
    }
}
