import CognitionCore
import CognitionRealtime
import Synchronization
import Testing

@Suite struct ClientSessionTests {
    private static func execution(_ id: String) -> Topic { .execution(FakeConnection.workspace, id) }
    private static func workflow(_ id: String) -> Topic { .workflow(FakeConnection.workspace, id) }

    /// Everything may happen between everything: events are written and published late, questions are answered late, in
    /// any order and in small pages, the client reads and does not. In the end the client has every event after its
    /// place, once, in order.
    @Test("No loss and no repetition, whatever happens in which order", arguments: 0..<1_000)
    func randomSchedules(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>(pendingMax: 3)
        let topics: [[Topic]] = [
            [Self.execution("a"), Self.workflow("x")], [Self.execution("b"), Self.workflow("x")],
            [Self.execution("c"), Self.workflow("y")],
        ]
        for _ in 0..<Int.random(in: 0..<6, using: &random) { log.append(topics.randomElement(using: &random)!) }
        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules(pendingMax: 3))
        connection.room = 0

        // One subscription at the start, another some time later.
        let first = Bool.random(using: &random) ? Self.execution("a") : Self.workflow("x")
        let since: Int64? = Bool.random(using: &random) ? Int64.random(in: 0...log.head, using: &random) : nil
        subscribe(connection, first, since: since)
        let later: Topic = [Self.execution("b"), Self.workflow("y"), Self.workflow("x")].randomElement(using: &random)!
        let laterFrom = Int.random(in: 0..<150, using: &random)
        var isLater = false

        for step in 0..<200 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1: log.append(topics.randomElement(using: &random)!)
            case 2, 3: log.publishOne(to: fanout)
            case 4:
                connection.lookUpOne(
                    at: Int.random(in: 0...1, using: &random), pageMax: Int.random(in: 1...4, using: &random))
            case 5: connection.answerOne(at: Int.random(in: 0...1, using: &random))
            case 6: connection.room = 0
            case 7:
                connection.room = Int.random(in: 1...5, using: &random)
                connection.session.hasRoom()
            case 8 where !isLater && later != first && step >= laterFrom:
                isLater = true
                let since: Int64? = Bool.random(using: &random) ? Int64.random(in: 0...log.head, using: &random) : nil
                subscribe(connection, later, since: since)
            default: break
            }
        }
        // The client reads everything, and all that is under way arrives.
        connection.room = .max
        for _ in 0..<2_000 {
            log.publishOne(to: fanout)
            connection.answerOne()
            connection.session.hasRoom()
        }

        #expect(connection.closed == nil)
        let offsets = connection.received.map(\.position)
        #expect(Set(offsets).count == offsets.count, "repeated: \(offsets)")
        let places = connection.answers.filter { $0["type"] == "subscribed" }
            .compactMap { $0["offset"]?.integerValue }
        for (topic, place) in zip([first, later], places) {
            let wanted = log.messages.filter { $0.position > place && $0.topics.contains(topic) }.map(\.position)
            let got = connection.received.filter { $0.position > place && $0.topics.contains(topic) }.map(\.position)
            #expect(Set(wanted) == Set(got), "\(topic) after \(place)")
            if !isLater { #expect(got == wanted) }
        }
    }

    @Test("Answers come in the order of the requests, one at a time")
    func order() {
        let log = FakeLog()
        let connection = FakeConnection(log, fanout: Fanout(), rules: FakeConnection.rules())
        subscribe(connection, Self.execution("a"), since: nil)
        connection.say(["action": "ping", "id": 1])
        subscribe(connection, Self.execution("b"), since: nil)
        connection.say(["action": "ping", "id": 2])
        #expect(connection.answers.isEmpty)
        #expect(connection.session.hasBacklog)
        connection.answerOne()
        #expect(connection.answers.map { $0["type"]?.stringValue } == ["subscribed", "pong"])
        connection.answerOne()
        #expect(connection.answers.map { $0["type"]?.stringValue } == ["subscribed", "pong", "subscribed", "pong"])
        #expect(!connection.session.hasBacklog)
    }

    @Test("Subscribing again starts again, and the end leaves nothing behind")
    func again() {
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>()
        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules())
        for _ in 0..<3 {
            subscribe(connection, Self.execution("a"), since: 0)
            connection.answerOne()
        }
        #expect(connection.joined == 1)
        log.append([Self.execution("a")])
        log.publishOne(to: fanout)
        #expect(connection.received.count == 1)
        connection.session.end()
        #expect(connection.joined == 0)
        log.append([Self.execution("a")])
        log.publishOne(to: fanout)
        #expect(connection.received.count == 1)
    }

    @Test("One that is too far behind is closed instead of being told everything")
    func tooFarBehind() {
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>()
        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules(positionsBehindMax: 5))
        subscribe(connection, Self.execution("a"), since: nil)
        connection.answerOne()
        connection.room = 0
        for _ in 0..<10 {
            log.append([Self.execution("a")])
            log.publishOne(to: fanout)
        }
        connection.room = .max
        connection.session.hasRoom()
        connection.answerOne()
        #expect(connection.closed == .tooSlow)
    }

    /// A page is under way that was not read for the new subscription; its answer comes last, and ends before what the
    /// new one is owed.
    @Test("A subscription that opens while others catch up gets all of its own", arguments: [nil, 2] as [Int64?])
    func opensDuringPage(since: Int64?) {
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>()
        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules())
        subscribe(connection, Self.execution("a"), since: nil)
        connection.answerOne()
        connection.room = 0
        log.append([Self.execution("b")])
        log.append([Self.execution("a")])
        for _ in 0..<2 { log.publishOne(to: fanout) }
        connection.room = .max
        connection.session.hasRoom()
        connection.lookUpOne()
        log.append([Self.execution("b")])
        log.publishOne(to: fanout)
        subscribe(connection, Self.execution("b"), since: since)
        connection.lookUpOne(at: 1)
        log.append([Self.execution("b")])
        log.publishOne(to: fanout)
        connection.answerOne(at: 1)
        while !connection.questions.isEmpty { connection.answerOne() }
        #expect(connection.received.map(\.position) == (since == nil ? [2, 4] : [2, 3, 4]))
    }

    @Test("A quiet topic is not far behind because others were busy")
    func quiet() {
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>()
        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules(positionsBehindMax: 5))
        subscribe(connection, Self.execution("a"), since: nil)
        connection.answerOne()
        for _ in 0..<10 { log.append([Self.execution("b")]) }
        log.append([Self.execution("a")])
        connection.room = 0
        for _ in 0..<11 { log.publishOne(to: fanout) }
        connection.room = .max
        connection.session.hasRoom()
        connection.answerOne()
        #expect(connection.closed == nil)
        #expect(connection.received.map(\.position) == [11])
    }

    @Test("What a subscription recovered before it was published is not told again by another")
    func recoveredAhead() {
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>()
        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules())
        subscribe(connection, Self.workflow("x"), since: nil)
        connection.answerOne()
        for _ in 0..<3 { log.append([Self.execution("a"), Self.workflow("x")]) }
        // Of three that were written one is published, and the second one while the state is read.
        log.publishOne(to: fanout)
        subscribe(connection, Self.execution("a"), since: 0)
        connection.lookUpOne()
        log.publishOne(to: fanout)
        connection.answerOne()
        log.publishOne(to: fanout)
        #expect(connection.received.map(\.position) == [1, 2, 3])
    }

    @Test("Who has no place left is told, and an error of a page is tried again")
    func failures() {
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>()
        let stranger = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules(), caller: nil)
        stranger.say(["action": "authenticate", "token": "full"])
        stranger.answerOne()
        #expect(stranger.closed == .tooManyConnections)

        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules())
        subscribe(connection, Self.execution("a"), since: nil)
        connection.answerOne()
        connection.room = 0
        log.append([Self.execution("a")])
        log.publishOne(to: fanout)
        connection.room = .max
        connection.session.hasRoom()
        guard case .read(_, let subscriptions) = connection.questions.removeFirst().question else {
            return #expect(Bool(false))
        }
        connection.session.arrived(.failure(CancellationError()), for: subscriptions)
        #expect(connection.received.isEmpty)
        connection.session.hasRoom()
        connection.answerOne()
        #expect(connection.received.map(\.position) == [1])
    }

    @Test("A token's end is announced once, then the connection is closed")
    func expiry() {
        let connection = FakeConnection(FakeLog(), fanout: Fanout(), rules: FakeConnection.rules())
        let end = FakeConnection.ada.expiresAt
        connection.session.tick(now: end - .seconds(31))
        #expect(connection.answers.isEmpty)
        for seconds in [30, 20, 0] { connection.session.tick(now: end - .seconds(seconds)) }
        #expect(connection.answers.map { $0["type"]?.stringValue } == ["token_expiring"])
        connection.session.tick(now: end + .seconds(4))
        #expect(connection.closed == nil)
        connection.session.tick(now: end + .seconds(5))
        #expect(connection.closed == .tokenExpired)
    }

    @Test(
        "Another role: what it does not give is left with the reason, and rooms are asked; a session that ended ends all"
    )
    func renewal() throws {
        func connection() -> FakeConnection {
            let connection = FakeConnection(FakeLog(), fanout: Fanout(), rules: FakeConnection.rules())
            connection.say(["action": "subscribe", "execution_id": "e"])
            connection.answerOne()
            return connection
        }
        func caller(_ permissions: Set<Permission>) -> RealtimeCaller {
            RealtimeCaller(
                user: "ada",
                principal: Principal(
                    actor: "user:ada", workspace: FakeConnection.workspace, permissions: permissions),
                expiresAt: Timestamp(microseconds: 5))
        }
        let changed = connection()
        changed.session.recheck { _ in .good }
        #expect(changed.renewing.isEmpty)
        changed.session.recheck { _ in .changed }
        // Again while it is under way, which is looked at with the next tick.
        changed.session.recheck { _ in .changed }
        #expect(changed.renewing.count == 1)
        changed.session.renewed(.success(caller([.readWorkflows])))
        #expect(changed.session.isSubscribed && changed.session.caller?.principal.may(.publishToRooms) == false)
        #expect(changed.session.caller?.expiresAt == FakeConnection.ada.expiresAt)
        changed.session.tick(now: FakeConnection.now)
        #expect(changed.renewing.count == 2)
        changed.session.renewed(.failure(CancellationError()))
        #expect(changed.closed == nil)
        changed.session.tick(now: FakeConnection.now)
        #expect(changed.renewing.count == 3)
        changed.session.renewed(.success(caller([.readRooms])))
        let last = try #require(changed.answers.last)
        #expect(last["type"] == "unsubscribed" && last["data"]?["execution_id"] == "e", "\(last)")
        #expect(last["data"]?["reason"] == "role_changed", "\(last)")
        #expect(!changed.session.isSubscribed && changed.joined == 0 && changed.closed == nil)
        changed.session.tick(now: FakeConnection.now)
        #expect(changed.renewing.count == 3)

        let ended = connection()
        ended.session.recheck { _ in .ended }
        #expect(ended.closed == .sessionRevoked)
        let gone = connection()
        gone.session.recheck { _ in .changed }
        gone.session.renewed(.failure(RealtimeError(.realtimeUnauthenticated, "the session has ended")))
        #expect(gone.closed == .sessionRevoked)
    }

    @Test("After another role, a room that may not be entered any more is left; one that cannot be asked is kept")
    func readmission() throws {
        let connection = FakeConnection(FakeLog(), fanout: Fanout(), rules: FakeConnection.rules())
        for room in ["a", "b"] { connection.say(["action": "subscribe", "room": .string(room)]) }
        connection.session.recheck { _ in .changed }
        connection.session.renewed(.success(FakeConnection.ada))
        // The other one waits for its turn to be entered.
        #expect(connection.readmitting.map(\.subscription.topic) == [.room(FakeConnection.workspace, "a")])
        let (subscription, caller) = try #require(connection.readmitting.first)
        #expect(caller.user == "ada")
        connection.session.readmitted(subscription, .success(()))
        connection.session.readmitted(subscription, .failure(CancellationError()))
        #expect(connection.session.isSubscribed)
        connection.session.readmitted(
            subscription, .failure(RealtimeError(.roomNotFound, "there is no room a")))
        #expect(!connection.session.isSubscribed)
        #expect(connection.answers.last?["data"]?["reason"] == "role_changed")
        // What was asked is answered all the same, and the other one has its turn.
        let id = connection.entering.removeFirst().id
        connection.session.entered(subscription, .failure(CancellationError()), answering: id, now: FakeConnection.now)
        #expect(connection.answers.last?["type"] == "error")
        #expect(connection.entering.map(\.subscription.topic) == [.room(FakeConnection.workspace, "b")])
    }

    /// Text of running tasks that a test gives.
    private final class Pieces: LiveText {
        private let pieces = Mutex<[String]>([])
        let hasEnded = Mutex(false)

        func add(_ piece: String) { pieces.withLock { $0.append(piece) } }
        func take() -> [JSONObject] {
            pieces.withLock { pieces in
                defer { pieces = [] }
                return pieces.isEmpty ? [] : [["text": .string(pieces.joined())]]
            }
        }
        func end() { hasEnded.withLock { $0 = true } }
    }

    @Test("Text of running tasks comes before what happens next, and waits while there is no room")
    func text() throws {
        let log = FakeLog()
        let fanout = Fanout<FakeConnection>()
        let connection = FakeConnection(log, fanout: fanout, rules: FakeConnection.rules())
        let pieces = Pieces()
        connection.text = pieces
        let subscription = try #require(loading(connection))
        connection.answerOne()
        pieces.add("a")
        connection.session.textCame(subscription)
        #expect(connection.session.hasText && connection.answers.count == 1)
        log.append([Self.execution("a")])
        log.publishOne(to: fanout)
        #expect(connection.answers.last == ["type": "event", "data": ["text": "a"]])
        #expect(connection.received.count == 1 && !connection.session.hasText)

        connection.room = 0
        for piece in ["b", "c"] {
            pieces.add(piece)
            connection.session.textCame(subscription)
            connection.session.sendTexts()
        }
        #expect(connection.session.hasText && connection.answers.count == 2)
        connection.room = .max
        connection.session.sendTexts()
        #expect(connection.answers.last == ["type": "event", "data": ["text": "bc"]])
        connection.say(["action": "unsubscribe", "execution_id": "a"])
        #expect(pieces.hasEnded.withLock { $0 })
    }

    @Test("Only an execution has text, and only for those who want it", arguments: [true, false])
    func unwantedText(ofWorkflow: Bool) throws {
        let connection = FakeConnection(FakeLog(), fanout: Fanout(), rules: FakeConnection.rules())
        let pieces = Pieces()
        connection.text = pieces
        connection.say(
            ofWorkflow
                ? ["action": "subscribe", "workflow_id": "x"]
                : ["action": "subscribe", "execution_id": "a", "tokens": false])
        guard case .load(let subscription, _, _) = connection.questions.first?.question else {
            Issue.record("nothing is loaded")
            return
        }
        connection.answerOne()
        connection.session.textCame(subscription)
        #expect(!connection.session.hasText)
        connection.say(["action": "subscribe", "execution_id": "a", "tokens": 1])
        #expect(connection.answers.last?["data"]?["code"] == "realtime.action_invalid")
    }

    /// Subscribes to execution `a`.
    private func loading(_ connection: FakeConnection) -> TopicSubscription<FakeConnection>? {
        subscribe(connection, Self.execution("a"), since: nil)
        guard case .load(let subscription, _, _) = connection.questions.first?.question else { return nil }
        return subscription
    }

    private func subscribe(_ connection: FakeConnection, _ topic: Topic, since: Int64?) {
        var request: JSONObject = ["action": "subscribe"]
        switch topic {
        case .execution(_, let id): request["execution_id"] = .string(id)
        case .workflow(_, let id): request["workflow_id"] = .string(id)
        case .job, .queue, .jobs, .room: request["room"] = .string(topic.room)
        }
        if let since { request["since"] = ["epoch": .string(FakeConnection.epoch), "offset": .integer(since)] }
        connection.say(.object(request))
    }
}
