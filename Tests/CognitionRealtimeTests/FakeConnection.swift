import CognitionCore
import CognitionRealtime

/// A connection with a bounded buffer and a log beside it; what has to be waited for is answered when a test says so.
final class FakeConnection: SessionPort {
    enum Question {
        case verify(String, JSONValue?)
        case load(TopicSubscription<FakeConnection>, FeedPlace?, JSONValue?)
        case read(Int64, [TopicSubscription<FakeConnection>])
    }

    enum Found {
        case nothing
        case start(TopicStart)
        case page(FeedPage)
    }

    struct Request {
        let question: Question
        /// The answer, once it is under way.
        var found: Found?

        init(_ question: Question) { self.question = question }
    }

    static let workspace = WorkspaceID("w")
    static let epoch = "epoch"

    let log: FakeLog
    let fanout: Fanout<FakeConnection>
    private let rules: SessionRules
    private let caller: RealtimeCaller?
    private(set) lazy var session = ClientSession(
        UUIDv7(high: 1, low: 1), port: self, rules: rules, caller: caller)
    /// What was asked and not answered, oldest first.
    var questions: [Request] = []
    /// What the client has got: type and offset.
    var answers: [JSONValue] = []
    var received: [FeedMessage] = []
    /// Messages that can be written before there is no room.
    var room = Int.max
    var closed: CloseReason?
    var joined = 0
    /// What was asked of rooms and not answered, oldest first.
    var entering: [(subscription: TopicSubscription<FakeConnection>, since: FeedPlace?, id: JSONValue?)] = []
    var catching: [(subscription: TopicSubscription<FakeConnection>, after: Int64, reading: RoomReading)] = []
    var publishing: [(publication: Publication, id: JSONValue?)] = []
    /// Who was asked about and not answered, oldest first.
    var renewing: [RealtimeCaller] = []
    var readmitting: [(subscription: TopicSubscription<FakeConnection>, caller: RoomCaller)] = []
    /// What running tasks are writing, if anything.
    var text: (any LiveText)?

    init(
        _ log: FakeLog, fanout: Fanout<FakeConnection>, rules: SessionRules,
        caller: RealtimeCaller? = FakeConnection.ada
    ) {
        self.log = log
        self.fanout = fanout
        self.rules = rules
        self.caller = caller
    }

    static let ada = RealtimeCaller(
        user: "ada",
        principal: Principal(
            actor: "user:ada", workspace: workspace, permissions: [.readWorkflows, .readRooms, .publishToRooms]),
        expiresAt: Timestamp(microseconds: 1_000_000_000))
    static let now = Timestamp(microseconds: 0)

    static func rules(pendingMax: Int = 4, positionsBehindMax: Int64 = 10_000) -> SessionRules {
        SessionRules(pendingMax: pendingMax, positionsBehindMax: positionsBehindMax) { target, workspace in
            switch target {
            case .execution(let id): .execution(workspace, id)
            case .workflow(let id): .workflow(workspace, id)
            case .room(let id): .room(workspace, id)
            }
        }
    }

    func say(_ message: JSONValue) { session.receive(message.jsonText, now: Self.now) }

    // MARK: Port

    var lastTaken: Int64 { session.lastTaken }
    func take(_ message: FeedMessage) { session.take(message) }
    func take(_ message: FeedMessage, for subscription: TopicSubscription<FakeConnection>) {
        session.take(message, for: subscription)
    }
    func take(_ run: RoomRun, for subscription: TopicSubscription<FakeConnection>) {
        session.take(run, for: subscription)
    }
    func enter(
        _ subscription: TopicSubscription<FakeConnection>, as caller: RoomCaller, since: FeedPlace?,
        answering id: JSONValue?
    ) {
        entering.append((subscription, since, id))
    }
    func catchUp(
        _ subscription: TopicSubscription<FakeConnection>, after offset: Int64, _ reading: RoomReading
    ) {
        catching.append((subscription, offset, reading))
    }
    func publish(_ publication: Publication, answering id: JSONValue?) { publishing.append((publication, id)) }
    func send(_ json: [UInt8]) { answers.append((try? JSONValue(parsing: json)) ?? .null) }  // null fails any test
    func write(_ message: FeedMessage) -> Bool {
        guard room > 0 else { return false }
        room -= 1
        received.append(message)
        return true
    }
    func write(_ run: RoomRun) -> Int { run.messages.prefix { write($0) }.count }
    var hasRoom: Bool { room > 0 }
    func watchText(of subscription: TopicSubscription<FakeConnection>) -> (any LiveText)? { text }
    func verify(_ token: Secret, answering id: JSONValue?) { questions.append(Request(.verify(token.reveal(), id))) }
    func load(_ subscription: TopicSubscription<FakeConnection>, since: FeedPlace?, answering id: JSONValue?) {
        questions.append(Request(.load(subscription, since, id)))
    }
    func attend(_ topics: [Topic], answering id: JSONValue?) {}
    func read(after position: Int64, for subscriptions: [TopicSubscription<FakeConnection>]) {
        questions.append(Request(.read(position, subscriptions)))
    }
    func renew(_ caller: RealtimeCaller) { renewing.append(caller) }
    func readmit(_ subscription: TopicSubscription<FakeConnection>, as caller: RoomCaller) {
        readmitting.append((subscription, caller))
    }
    func join(_ subscription: TopicSubscription<FakeConnection>) {
        joined += 1
        fanout.add(subscription)
    }
    func leave(_ subscription: TopicSubscription<FakeConnection>) {
        joined -= 1
        fanout.remove(subscription)
    }
    func disconnect(_ reason: CloseReason) {
        closed = reason
        session.end()
    }
    func backlogEnded() {}
    var stats: RealtimeStats { RealtimeStats() }
    func countError() {}
    func countSlow(_ outcome: RealtimeMetrics.SlowOutcome) {}

    /// Reads what a question asks for, as the log is now; the answer arrives later.
    /// - Parameter index: Of the question among those asked; 0 is the oldest. Ignored when there are fewer.
    func lookUpOne(at index: Int = 0, pageMax: Int = 3) {
        guard questions.indices.contains(index), questions[index].found == nil else { return }
        questions[index].found =
            switch questions[index].question {
            case .verify: .nothing
            case .load(let subscription, let since, _): .start(log.start(subscription.topic, since: since))
            case .read(let position, let subscriptions):
                .page(log.page(after: position, topics: subscriptions.map(\.topic), limit: pageMax))
            }
    }

    /// Lets the answer to a question arrive; see ``lookUpOne(at:pageMax:)``.
    func answerOne(at index: Int = 0) {
        lookUpOne(at: index)
        guard questions.indices.contains(index), let answer = questions[index].found else { return }
        switch (questions.remove(at: index).question, answer) {
        case (.verify(let token, let id), _):
            session.verified(.success(Self.ada), admitted: token != "full", answering: id, now: Self.now)
        case (.load(let subscription, _, let id), .start(let start)):
            session.loaded(subscription, .success(start), answering: id, now: Self.now)
        case (.read(_, let subscriptions), .page(let page)): session.arrived(.success(page), for: subscriptions)
        default: preconditionFailure("an answer to another question")
        }
    }
}

/// The log, and how far the node's one reader has come in it.
final class FakeLog {
    var messages: [FeedMessage] = []
    private var published = 0

    var head: Int64 { Int64(messages.count) }

    func append(_ topics: [Topic]) {
        messages.append(FeedMessage(position: head + 1, topics: topics, time: FakeConnection.now, json: []))
    }

    /// Hands out the next message that was not yet.
    func publishOne(to fanout: Fanout<FakeConnection>) {
        guard published < messages.count else { return }
        fanout.deliver(messages[published])
        published += 1
    }

    func page(after position: Int64, topics: [Topic], limit: Int) -> FeedPage {
        let end = min(head, position + Int64(limit))
        let piece = messages[Int(position)..<Int(end)].filter { $0.topics.contains(where: topics.contains) }
        return FeedPage(messages: piece, after: position, position: end, head: head)
    }

    func start(_ topic: Topic, since: FeedPlace?) -> TopicStart {
        let snapshot = TopicSnapshot(data: ["status": "running"], position: head)
        guard let since else {
            return TopicStart(
                snapshot: snapshot, epoch: FakeConnection.epoch, from: head, recovered: nil, messages: [],
                position: head)
        }
        let missed = messages[Int(since.offset)...].filter { $0.topics.contains(topic) }
        return TopicStart(
            snapshot: snapshot, epoch: FakeConnection.epoch, from: since.offset, recovered: true, messages: missed,
            position: head)
    }
}
