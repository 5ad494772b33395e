import CognitionCore
import CognitionWorkflows
import Testing

@Suite("Listening after a crash") struct ListenRestoreTests {
    /// Sends one message whenever nothing else can happen.
    private func run(_ run: inout SimulatedExecution, sending messages: [ExecutionMessage.Content]) throws {
        var left = messages
        try run.run(people: { rows, _ in
            guard !left.isEmpty else { return false }
            rows.send(left.removeFirst())
            return true
        })
    }

    private func event(_ type: String) throws -> ExecutionMessage.Content {
        let attributes: JSONValue = ["source": "test://somebody", "type": .string(type), "data": .string(type)]
        return .event(try CloudEvent(attributes, id: type, now: SimulatedExecution.start), task: nil)
    }

    @Test("A task that has not begun to listen when its process ends takes no signal, and none is lost")
    func pending() throws {
        var execution = try SimulatedExecution(
            workflow(
                """
                - work: {call: once}
                - hear: {listen: {to: {all: [{with: {type: a}}, {with: {type: b}}]}}}
                """))
        try execution.restart()
        try run(
            &execution, sending: [.suspend, .reconciliation(.init(task: 1, outcome: .done("done")))])
        #expect(execution.state.status == .suspended && execution.rows[2]?.status == .pending)
        try execution.restart()
        try run(&execution, sending: [event("b"), .resume, event("a")])
        #expect(execution.state.status == .completed)
        #expect(execution.state.output == ["b", "a"])
    }
}
