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
            &execution, sending: [.suspend(by: nil), .reconciliation(.init(task: 1, outcome: .done("done")))])
        #expect(execution.state.status == .suspended && execution.rows[2]?.status == .pending)
        try execution.restart()
        try run(&execution, sending: [event("b"), .resume(by: nil), event("a")])
        #expect(execution.state.status == .completed)
        #expect(execution.state.output == ["b", "a"])
    }

    @Test("Signals that a task has accepted and not come to wait for the next that listens", arguments: [false, true])
    func left(restarts: Bool) throws {
        var execution = try SimulatedExecution(
            workflow(
                """
                - first:
                    listen: {to: {any: [{with: {type: a}}], until: 'length >= 2'}}
                    foreach: {item: event, do: [{take: {call: echo, with: {n: '${ $event }'}}}]}
                - then: {listen: {to: {any: [{with: {type: a}}], until: 'length >= 2'}}}
                """))
        // The third and the fourth are accepted while the tasks for the first run.
        for _ in 1...4 { execution.send(try event("a")) }
        #expect(execution.table.newLetters.isEmpty && execution.rows.count == 2)
        if restarts { try execution.restart() }
        try run(&execution, sending: [])
        #expect(execution.state.status == .completed)
        #expect(execution.state.output == ["a", "a"])
        #expect(execution.ledger.count == 2 && execution.table.letters.isEmpty)
    }

    @Test("A task that listens already gets what another has left; an event sent to that one it does not")
    func leftToOthers() throws {
        var execution = try SimulatedExecution(
            workflow(
                """
                - both:
                    fork:
                      branches:
                        - one:
                            listen: {to: {any: [{with: {type: a}}], until: 'length >= 1'}}
                            foreach: {item: event, do: [{take: {call: echo, with: {n: '${ $event }'}}}]}
                        - two: {listen: {to: {one: {with: {type: a}}}}}
                """))
        let toOne = try #require(execution.rows.values.first { $0.name == "one" }).number
        guard case .event(let event, _) = try event("a") else { return }
        execution.send(.event(event, task: nil))
        execution.send(.event(event, task: toOne))
        #expect(execution.rows.values.filter { $0.name == "two" }.map(\.status) == [.waiting])
        execution.send(.event(event, task: nil))
        try run(&execution, sending: [])
        #expect(execution.state.output == [[["n": "a"]], ["a"]] && execution.ledger.count == 1)
        #expect(execution.table.letters.isEmpty)
    }

    @Test("What a failed task had accepted is there for whoever tries again")
    func leftByFailure() throws {
        var execution = try SimulatedExecution(
            workflow(
                """
                - hear:
                    listen: {to: {any: [{with: {type: a}}], until: 'length >= 3'}}
                    foreach: {item: event, do: [{take: {call: echo, with: {n: '${ $event }'}}}]}
                """))
        for _ in 1...3 { execution.send(try event("a")) }
        try execution.run(answer: { _, _ in .failure(WorkflowFault(.communication, "no", status: 409)) })
        #expect(execution.state.status == .faulted)
        // The first was begun; of the others nobody has had anything.
        #expect(execution.table.letters.values.map(\.state) == [.held, .held])
    }
}
