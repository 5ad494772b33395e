import CognitionCore
import CognitionStorage
import CognitionWorkflows
import Testing

/// What is in fixtures. It stays here as it is: fixtures of earlier releases have it, and are finished by these lines. A
/// way of waiting that is new, or that works otherwise, gets a name of its own.
extension ParkedWorkflow {
    static let all = Array([moments, mail, people, inside, undone, lost, shared, schedules].joined())

    // MARK: Time

    private static let moments: [ParkedWorkflow] = [
        ParkedWorkflow(
            name: "pending", body: "- a: {call: script, with: {at: pending.a}}", start: .last, after: ["pending.a"],
            ends: [End(output: ["at": "pending.a"], tasks: "a")]),
        ParkedWorkflow(
            name: "waiting",
            body: """
                - a: {call: script, with: {at: waiting.a, n: 3}, export: {as: '{n: .n}'}}
                - pause: {wait: PT1H}
                - b: {call: script, with: {at: waiting.b, n: '${ $context.n + .n }'}}
                """, before: ["waiting.a"], after: ["waiting.b"],
            ends: [End(output: ["at": "waiting.b", "n": 6], tasks: "a pause b")]),
        ParkedWorkflow(
            name: "late", body: "- hear: {timeout: {after: PT2H}, listen: {to: {one: {with: {type: late.never}}}}}",
            ends: [End(status: .faulted, fault: "timeout", tasks: "hear")]),
        ParkedWorkflow(
            name: "retrying",
            body: """
                - attempt:
                    try:
                      - a: {call: script, with: {at: retrying.a, down: true}}
                    catch: {retry: {delay: PT1H, limit: {attempt: {count: 3}}}}
                - b: {call: script, with: {at: retrying.b}}
                """, before: ["retrying.a"], after: ["retrying.a", "retrying.b"],
            ends: [End(output: ["at": "retrying.b"], tasks: "attempt a a b")]),
        ParkedWorkflow(
            name: "large",
            body: """
                - pause: {wait: PT1H}
                - b: {call: script, with: {at: large.b, length: '${ .pad | length }'}}
                """, input: ["pad": .string(String(repeating: "x", count: 40_000))], after: ["large.b"],
            ends: [End(output: ["at": "large.b", "length": 40_000], tasks: "pause b")]),
        ParkedWorkflow(
            name: "secretive",
            body: """
                - pause: {wait: PT1H}
                - send:
                    input: {from: '{key: $secrets.apiKey}'}
                    call: http
                    with: {method: post, endpoint: 'http://peer/x', headers: {X-Key: '${ .key }'}, body: {n: 1}}
                    output: {as: '{sent: true}'}
                """, head: "use: {secrets: [apiKey]}", ends: [End(output: ["sent": true], tasks: "pause send")]),
    ]

    // MARK: Events and signals

    private static let mail: [ParkedWorkflow] = [
        ParkedWorkflow(
            name: "listening",
            body: """
                - a: {call: script, with: {at: listening.a, order: 7}}
                - hear:
                    listen:
                      to: {one: {with: {type: listening.paid}, correlate: {order: {from: .data.order, expect: '${ .order }'}}}}
                - b: {call: script, with: {at: listening.b, by: '${ .[0].by }'}}
                """, before: ["listening.a"], after: ["listening.b"],
            ends: [End(output: ["at": "listening.b", "by": "card"], tasks: "a hear b")],
            goOn: { harness, _ in
                _ = try await harness.publish("listening.paid", ["order": 8, "by": "cash"])
                _ = try await harness.publish("listening.paid", ["order": 7, "by": "card"])
            }),
        ParkedWorkflow(
            name: "half-heard",
            body: """
                - hear:
                    listen:
                      to:
                        all:
                        - {with: {type: half.warm}, correlate: {room: {from: .data.room}}}
                        - {with: {type: half.wet}, correlate: {room: {from: .data.room}}}
                """, ends: [End(output: [["room": 1, "n": 1], ["room": 1, "n": 4]], tasks: "hear")],
            park: { harness, id in
                try await harness.settle(id)
                _ = try await harness.publish("half.warm", ["room": 1, "n": 1])
                try await harness.settle(id)
            },
            goOn: { harness, _ in
                for (type, data) in [
                    ("wet", ["room": 2, "n": 2]), ("warm", ["room": 1, "n": 3]), ("wet", ["room": 1, "n": 4]),
                ] as [(String, JSONValue)] {
                    _ = try await harness.publish("half." + type, data)
                }
            }),
        ParkedWorkflow(
            name: "collecting",
            body: """
                - hear:
                    listen: {to: {any: [{with: {type: collecting.reading}}], until: 'length >= 2'}}
                    foreach:
                      item: reading
                      do: [{store: {call: script, with: {at: '${ "collecting." + ($reading.n | tostring) }'}}}]
                """, before: ["collecting.1"], after: ["collecting.2"],
            ends: [End(output: [["at": "collecting.1"], ["at": "collecting.2"]], tasks: "hear store store")],
            park: { harness, id in
                try await harness.settle(id)
                _ = try await harness.publish("collecting.reading", ["n": 1])
                try await harness.call("collecting.1")
                try await harness.settle(id)
            }, goOn: { harness, _ in _ = try await harness.publish("collecting.reading", ["n": 2]) }),
        // A signal that came before anybody listens.
        ParkedWorkflow(
            name: "signalled",
            body: """
                - pause: {wait: PT1H}
                - hear: {listen: {to: {one: {with: {type: go}}}}}
                """, ends: [End(output: [["early": true]], tasks: "pause hear")],
            park: { harness, id in
                try await harness.settle(id)
                try await harness.workflows.signal("go", data: ["early": true], to: id, as: .localOperator)
                try await harness.settle(id)
            }),
        // A suspension, an event and a signal that no engine has looked at.
        ParkedWorkflow(
            name: "unread",
            body: """
                - one: {listen: {to: {one: {with: {type: unread.event}}}}}
                - two: {listen: {to: {one: {with: {type: go}}}}}
                """, ends: [End(output: [["n": 2]], tasks: "one two")],
            goOn: { harness, ids in
                try await harness.eventually {
                    try await harness.workflows.execution(ids[0], in: .default).status == .suspended
                }
                try await harness.workflows.resume(ids[0], as: .localOperator)
            }),
    ]

    // MARK: People

    private static let people: [ParkedWorkflow] = [
        ParkedWorkflow(
            name: "asking",
            body: """
                - ask: {call: approval, with: {title: 'Send it?', subject: {amount: 7}, expires: P1D}}
                - b: {call: script, with: {at: asking.b, said: '${ .choice }'}}
                """, after: ["asking.b"],
            ends: [End(output: ["at": "asking.b", "said": "approve"], tasks: "ask b")],
            goOn: { harness, ids in
                try await harness.answer(ids[0], "approve")
                _ = try await harness.end(of: ids[0])
            }),
        ParkedWorkflow(
            name: "asking-long",
            body: """
                - ask: {call: approval, with: {title: 'Send it?', expires: PT2H}}
                - b: {set: {said: '${ .choice }', late: '${ .expired }'}}
                """, ends: [End(output: ["said": "reject", "late": true], tasks: "ask b")]),
        ParkedWorkflow(
            name: "suspended",
            body: """
                - a: {call: script, with: {at: suspended.a}}
                - pause: {wait: PT1H}
                - b: {call: script, with: {at: suspended.b}}
                """, before: ["suspended.a"], after: ["suspended.b"],
            ends: [End(output: ["at": "suspended.b"], tasks: "a pause b")],
            park: { harness, id in
                try await harness.settle(id)
                try await harness.workflows.suspend(id, as: .localOperator)
                try await harness.eventually {
                    try await harness.workflows.execution(id, in: .default).status == .suspended
                }
            }, goOn: { harness, ids in try await harness.workflows.resume(ids[0], as: .localOperator) }),
        ParkedWorkflow(
            name: "failed",
            body: """
                - a: {call: script, with: {at: failed.a}}
                - b: {call: script, with: {at: failed.b, down: true}}
                - c: {call: script, with: {at: failed.c}}
                """, before: ["failed.a", "failed.b"], after: ["failed.b", "failed.c"],
            ends: [End(output: ["at": "failed.c"], tasks: "a b c")],
            goOn: { harness, ids in _ = try await harness.workflows.retry(ids[0], as: .localOperator) }),
        ParkedWorkflow(
            name: "ended", body: "- a: {call: script, with: {at: ended.a}}", before: ["ended.a"],
            ends: [End(output: ["at": "ended.a"], tasks: "a")]),
    ]

    // MARK: Inside other tasks

    private static let inside: [ParkedWorkflow] = [
        ParkedWorkflow(
            name: "loop",
            body: """
                - each:
                    for: {each: item, in: '${ [1, 2, 3] }'}
                    do:
                      - work: {call: script, with: {at: '${ "loop." + ($item | tostring) }'}}
                      - pause: {if: '${ $item == 2 }', wait: PT1H}
                """, before: ["loop.1", "loop.2"], after: ["loop.3"],
            ends: [End(output: ["at": "loop.3"], tasks: "each work work pause work")]),
        ParkedWorkflow(
            name: "loop-wide",
            body: """
                - each:
                    for: {each: item, in: '${ [1, 2, 3] }'}
                    metadata: {concurrency: 2}
                    do:
                      - work: {call: script, with: {at: '${ "wide." + ($item | tostring) }'}}
                      - pause: {if: '${ $item == 2 }', wait: PT1H}
                      - more: {if: '${ $item == 2 }', call: script, with: {at: wide.more}}
                """, before: ["wide.1", "wide.2", "wide.3"], after: ["wide.more"],
            ends: [
                End(
                    output: [["at": "wide.1"], ["at": "wide.more"], ["at": "wide.3"]],
                    tasks: "each work work work pause more")
            ]),
        ParkedWorkflow(
            name: "branches",
            body: """
                - both:
                    fork:
                      branches:
                        - left: {call: script, with: {at: branches.left}}
                        - right:
                            do:
                              - pause: {wait: PT1H}
                              - work: {call: script, with: {at: branches.right}}
                """, before: ["branches.left"], after: ["branches.right"],
            ends: [
                End(output: [["at": "branches.left"], ["at": "branches.right"]], tasks: "both left right pause work")
            ]),
        ParkedWorkflow(
            name: "extended", body: "- pause: {wait: PT1H}",
            head: """
                use:
                  extensions:
                    - around:
                        extend: wait
                        before: [{before: {call: script, with: {at: extended.before}}}]
                        after: [{behind: {call: script, with: {at: extended.after}}}]
                """, before: ["extended.before"], after: ["extended.after"],
            ends: [End(output: [:], tasks: "pause before pause after behind")]),
        ParkedWorkflow(
            name: "child",
            body: """
                - a: {call: script, with: {at: child.a}}
                - pause: {wait: PT1H}
                - b: {call: script, with: {at: child.b}}
                """, start: .elsewhere, before: ["child.a"], after: ["child.b"],
            ends: [End(output: ["at": "child.b"], tasks: "a pause b")]),
        ParkedWorkflow(
            name: "parent",
            body: """
                - child: {run: {workflow: {namespace: test, name: child, version: 1.0.0}}}
                - b: {call: script, with: {at: parent.b, got: '${ .at }'}}
                """, after: ["parent.b"],
            ends: [End(output: ["at": "parent.b", "got": "child.b"], tasks: "child b")],
            park: { harness, _ in
                try await harness.call("child.a")
                try await harness.eventually {
                    guard let child = try await harness.executions(of: "child").first else { return false }
                    return try await harness.workflows.execution(child, in: .default).status == .waiting
                }
            }),
    ]

    // MARK: Compensation

    private static let undone: [ParkedWorkflow] = [
        ParkedWorkflow(
            name: "undoing",
            body: """
                - book:
                    call: script
                    with: {at: undoing.book}
                    metadata:
                      compensate:
                        - pause: {wait: PT1H}
                        - undo: {call: script, with: {at: undoing.undo, what: '${ $compensated.output.at }'}}
                - refuse: {call: script, with: {at: undoing.refuse, refused: true}}
                """, before: ["undoing.book", "undoing.refuse"], after: ["undoing.undo"],
            ends: [
                End(
                    status: .faulted, reason: .compensated, fault: "communication",
                    tasks: "book refuse compensate_book pause undo")
            ])
    ]

    // MARK: Processes that have died

    private static let lost: [ParkedWorkflow] = [
        ParkedWorkflow(
            name: "hidden", body: once("hidden"), start: .first, before: ["hidden.a"], after: ["hidden.b"],
            ends: [End(output: ["at": "hidden.b", "n": 9], tasks: "a b")],
            park: { harness, _ in try await harness.call("hidden.a") },
            goOn: { harness, ids in
                try await harness.workflows.reconcile(
                    .init(task: 1, outcome: .done(["n": 9])), of: ids[0], as: .localOperator)
            }),
        ParkedWorkflow(
            name: "hidden-again", body: once("hidden-again"), start: .first, before: ["hidden-again.a"],
            after: ["hidden-again.a", "hidden-again.b"],
            ends: [End(output: ["at": "hidden-again.b", "n": 1], tasks: "a b")],
            park: { harness, _ in try await harness.call("hidden-again.a") },
            goOn: { harness, ids in
                try await harness.workflows.reconcile(.init(task: 1, outcome: .retry), of: ids[0], as: .localOperator)
            }),
        // Claimed again and again by processes that ended.
        ParkedWorkflow(
            name: "set-aside", body: "- a: {call: script, with: {at: set-aside.a, hold: true}}", start: .first,
            before: ["set-aside.a"], after: ["set-aside.a"],
            ends: [End(output: ["at": "set-aside.a", "hold": true], tasks: "a")],
            park: { harness, id in
                try await harness.call("set-aside.a")
                try await harness.database.write { tx in
                    _ = try tx.execute("UPDATE executions SET claims = 20 WHERE id = \(id)")
                }
            }, goOn: { harness, ids in try await harness.workflows.resume(ids[0], as: .localOperator) }),
        // Their process has died with the call under way, and none has run since.
        ParkedWorkflow(
            name: "killed",
            body: """
                - a: {call: script, with: {at: killed.a}}
                - b: {call: script, with: {at: killed.b, hold: true}}
                - c: {call: script, with: {at: killed.c}}
                """, before: ["killed.a", "killed.b"], after: ["killed.b", "killed.c"],
            ends: [End(output: ["at": "killed.c"], tasks: "a b c")],
            park: { harness, _ in try await harness.call("killed.b") }),
        ParkedWorkflow(
            name: "killed-once", body: once("killed-once"), before: ["killed-once.a"], after: ["killed-once.b"],
            ends: [End(output: ["at": "killed-once.b", "n": 9], tasks: "a b")],
            park: { harness, _ in try await harness.call("killed-once.a") },
            goOn: { harness, ids in
                try await harness.eventually {
                    try await harness.workflows.execution(ids[0], in: .default).reason == .needsReconcile
                }
                try await harness.workflows.reconcile(
                    .init(task: 1, outcome: .done(["n": 9])), of: ids[0], as: .localOperator)
            }),
    ]

    /// A call of class `once` during which its process ends, and another behind it.
    private static func once(_ name: String) -> String {
        """
        - a: {metadata: {effect: once}, call: script, with: {at: \(name).a, hold: true, n: 1}}
        - b: {call: script, with: {at: \(name).b, n: '${ .n }'}}
        """
    }

    // MARK: Shared history

    private static let shared: [ParkedWorkflow] = [
        // The second execution has the first task of the first one.
        ParkedWorkflow(
            name: "forked",
            body: """
                - a: {call: script, with: {at: forked.a, n: 1}}
                - b: {call: script, with: {at: forked.b, n: '${ .n + 1 }'}}
                - pause: {wait: PT1H}
                - c: {call: script, with: {at: forked.c, n: '${ .n + 1 }'}}
                """, before: ["forked.a", "forked.b", "forked.b"], after: ["forked.c", "forked.c"],
            ends: [
                End(output: ["at": "forked.c", "n": 3], tasks: "a b pause c"),
                End(output: ["at": "forked.c", "n": 12], tasks: "a b pause c"),
            ],
            park: { harness, id in
                try await harness.settle(id)
                let fork = try await harness.workflows.fork(
                    id, ForkCommand(.named("a"), inputPatch: ["n": 10]), as: .localOperator)
                try await harness.settle(fork.id)
            })
    ]

    // MARK: Schedules

    private static let schedules: [ParkedWorkflow] = [
        ParkedWorkflow(
            name: "every-six-hours", body: "- a: {call: script, with: {at: every.a}}",
            head: "schedule: {every: {hours: 6}}", start: .elsewhere, after: ["every.a"],
            ends: [End(output: ["at": "every.a"], tasks: "a")]),
        ParkedWorkflow(
            name: "at-half-past-six", body: "- a: {call: script, with: {at: cron.a}}",
            head: "schedule: {cron: '30 6 * * *'}", start: .elsewhere, after: ["cron.a"],
            ends: [End(output: ["at": "cron.a"], tasks: "a")]),
        ParkedWorkflow(
            name: "on-event", body: "- a: {set: {n: '${ .[0].data.n }'}}",
            head: "schedule: {on: {one: {with: {type: on.event, data: '${ .n > 1 }'}}}}", start: .elsewhere,
            ends: [End(output: ["n": 2], tasks: "a")],
            goOn: { harness, _ in
                for n in 1...2 { _ = try await harness.publish("on.event", ["n": .integer(Int64(n))]) }
            }),
    ]
}
