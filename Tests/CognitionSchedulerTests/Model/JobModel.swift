import CognitionCore
import CognitionScheduler

/// What a scheduler promises, said as simply as it can be: a list of jobs in memory that is gone through from end to end.
///
/// It knows nothing of how the real one works. Which of the jobs that may start do start it does not say: it is told, and
/// objects to those that may not, and to places that stay empty.
struct JobModel {
    struct Job {
        let id: String
        let plan: PlannedJob
        let createdAt: Int
        var state: State
        var runAt: Int
        var attempt = 0
        var crashes = 0
        /// With what has become of each parent for it; `nil`: it does not know yet.
        var edges: [(parent: Int, condition: JobCondition, isMet: Bool?)]
        var unique: Int?
        /// How often it has ended.
        var ends = 0
        var startedAt = 0
        /// Its last attempt has failed, so its next moment is drawn by chance from this on.
        var delayedFrom: ClosedRange<Int>?

        var pending: Int { edges.count { $0.isMet == nil } }
    }

    /// As everybody sees them.
    enum State: String {
        case scheduled, ready, running, completed, dead, cancelled, blocked, paused, failed

        var hasEnded: Bool { [.completed, .dead, .cancelled, .failed].contains(self) }
    }

    struct Objection: Error, CustomStringConvertible {
        let description: String
    }

    /// What a model may be wrong about, to see that it is found out.
    enum Flaw {
        case snoozingCounts
    }

    private let flaw: Flaw?
    /// Microseconds.
    private(set) var now: Int
    private(set) var jobs: [Job] = []
    private(set) var paused: Set<Int> = []
    /// Queues in which a critical job has waited for a slot.
    private var starved: Set<Int> = []
    /// What is left of the rated key, and since when.
    private var tokens: (left: Double, at: Int)

    static let retryDelay = 4
    static let snooze = 60
    static let crashesMax = 2
    private static let second = 1_000_000

    init(now: Int, flaw: Flaw? = nil) {
        self.now = now
        self.flaw = flaw
        tokens = (2, now)
    }

    var running: [Int] { jobs.indices.filter { jobs[$0].state == .running } }

    // MARK: What happens

    /// - Returns: For each job that is asked for the one that is there.
    mutating func enqueue(_ plans: [PlannedJob], ids: [String]) -> [Int] {
        let known = jobs.count
        var places = [Int?](repeating: nil, count: plans.count)
        // Those that others of the call wait for come first.
        for place in Self.inOrder(plans) {
            let plan = plans[place]
            let edges = parents(of: plan, among: places, known: known).map { parent, condition in
                let state = jobs[parent].state
                return (
                    parent: parent, condition: condition, isMet: state.hasEnded ? Self.isMet(condition, state) : nil
                )
            }
            let runAt = now + plan.delay * Self.second
            var state = runAt > now ? State.scheduled : .ready
            if edges.contains(where: { $0.isMet == false }), plan.cascade != .run {
                state = plan.cascade == .cancel ? .cancelled : .failed
            } else if edges.contains(where: { $0.isMet == nil }) {
                state = .blocked
            }
            if !state.hasEnded, let holder = holder(of: plan) {
                places[place] = holder
                continue
            }
            jobs.append(
                Job(
                    id: ids[place], plan: plan, createdAt: now, state: state, runAt: runAt, edges: edges,
                    unique: plan.unique, ends: state.hasEnded ? 1 : 0))
            places[place] = jobs.count - 1
        }
        return places.compactMap(\.self)
    }

    private static func inOrder(_ plans: [PlannedJob]) -> [Int] {
        var depths: [Int] = []
        for plan in plans {
            depths.append(
                plan.siblings.compactMap { depths.indices.contains($0.job) ? depths[$0.job] + 1 : nil }.max() ?? 0)
        }
        return plans.indices.sorted { (depths[$0], $0) < (depths[$1], $1) }
    }

    /// Each once, as the first edge has it.
    /// - Parameters:
    ///   - siblings: The jobs of the same call, as far as they are there.
    ///   - known: How many jobs there were before the call.
    func parents(of plan: PlannedJob, among siblings: [Int?], known: Int) -> [(parent: Int, condition: JobCondition)] {
        var found: [(parent: Int, condition: JobCondition)] = []
        func add(_ parent: Int, _ condition: JobCondition) {
            if !found.contains(where: { $0.parent == parent }) { found.append((parent, condition)) }
        }
        for edge in plan.siblings where siblings.indices.contains(edge.job) {
            if let sibling = siblings[edge.job] { add(sibling, edge.condition) }
        }
        if known > 0 { for edge in plan.parents { add(edge.job % known, edge.condition) } }
        return found
    }

    private mutating func holder(of plan: PlannedJob) -> Int? {
        guard plan.unique != nil else { return nil }
        guard let found = jobs.indices.first(where: { holds($0, plan.unique, queue: plan.queue) }) else { return nil }
        guard let window = plan.uniqueWindow, jobs[found].createdAt + window * Self.second <= now else { return found }
        jobs[found].unique = nil
        return nil
    }

    private func holds(_ job: Int, _ key: Int?, queue: Int) -> Bool {
        let job = jobs[job]
        return job.unique == key && job.plan.queue == queue
            && (!job.state.hasEnded || job.state == .completed && job.plan.staysUnique)
    }

    mutating func finish(_ job: Int, _ finish: JobOperation.Finish) {
        switch finish {
        case .ok: end(job, .completed)
        case .failFinally: end(job, .dead)
        case .discard: end(job, .failed)
        case .fail where jobs[job].attempt - jobs[job].crashes >= jobs[job].plan.attempts: end(job, .dead)
        case .fail:
            let delay = Self.retryDelay * Self.second
            jobs[job].delayedFrom = now + delay / 2...now + delay
            jobs[job].runAt = now + delay
            jobs[job].state = .scheduled
        case .snooze:
            if flaw != .snoozingCounts { jobs[job].attempt -= 1 }
            jobs[job].runAt = now + Self.snooze * Self.second
            jobs[job].state = .scheduled
        }
    }

    /// The real one has drawn the moment of the next attempt.
    mutating func learn(_ moment: Int, of job: Int) throws {
        guard let range = jobs[job].delayedFrom else { return }
        guard range.contains(moment) else {
            throw Objection(description: "\(jobs[job].id) is delayed to \(moment), not within \(range)")
        }
        jobs[job].runAt = moment
        jobs[job].delayedFrom = nil
    }

    mutating func cancel(_ job: Int) {
        if !jobs[job].state.hasEnded { end(job, .cancelled) }
    }

    /// - Returns: Whether that can be done.
    mutating func pause(_ job: Int) -> Bool {
        guard !jobs[job].state.hasEnded, jobs[job].state != .running else { return false }
        jobs[job].state = .paused
        return true
    }

    mutating func resume(_ job: Int) -> Bool {
        guard !jobs[job].state.hasEnded else { return false }
        if jobs[job].state == .paused { settle(job) }
        return true
    }

    mutating func trigger(_ job: Int) -> Bool {
        switch jobs[job].state {
        case .running, .blocked: return false
        case .paused where jobs[job].pending > 0: return false
        case .scheduled, .ready, .paused:
            jobs[job].runAt = min(jobs[job].runAt, now)
            jobs[job].delayedFrom = nil
            jobs[job].state = .ready
            return true
        case .completed, .dead, .cancelled, .failed: return revive(job)
        }
    }

    mutating func redrive(queue: Int) {
        var keys: Set<Int> = []
        for job in jobs.indices where jobs[job].state == .dead && jobs[job].plan.queue == queue {
            // Of several with one unique key the oldest is taken.
            if let unique = jobs[job].unique, !keys.insert(unique).inserted { continue }
            _ = revive(job)
        }
    }

    private mutating func revive(_ job: Int) -> Bool {
        if let key = jobs[job].unique {
            let others = jobs.indices.filter { $0 != job }
            guard !others.contains(where: { holds($0, key, queue: jobs[job].plan.queue) }) else { return false }
        }
        (jobs[job].attempt, jobs[job].crashes, jobs[job].runAt) = (0, 0, now)
        jobs[job].state = jobs[job].pending > 0 ? .blocked : .ready
        return true
    }

    mutating func setPaused(_ isPaused: Bool, queue: Int) {
        if isPaused { paused.insert(queue) } else { paused.remove(queue) }
    }

    mutating func advance(seconds: Int) {
        now += seconds * Self.second
    }

    /// What time has made due.
    mutating func makeDue() {
        for job in jobs.indices where jobs[job].state == .scheduled && jobs[job].runAt <= now {
            jobs[job].state = .ready
        }
    }

    mutating func death(cancelling cancelled: Int?) {
        for job in running {
            jobs[job].crashes += 1
            if jobs[job].crashes >= Self.crashesMax {
                end(job, .dead)
            } else if job == cancelled {
                end(job, .cancelled)
            } else {
                jobs[job].state = .ready
                jobs[job].runAt = now
            }
        }
    }

    private mutating func end(_ job: Int, _ state: State) {
        jobs[job].state = state
        jobs[job].delayedFrom = nil
        jobs[job].ends += 1
        for child in jobs.indices {
            for edge in jobs[child].edges.indices
            where jobs[child].edges[edge].parent == job && jobs[child].edges[edge].isMet == nil {
                let isMet = Self.isMet(jobs[child].edges[edge].condition, state)
                jobs[child].edges[edge].isMet = isMet
                guard !jobs[child].state.hasEnded else { continue }
                if !isMet, jobs[child].plan.cascade != .run {
                    end(child, jobs[child].plan.cascade == .cancel ? .cancelled : .failed)
                } else if jobs[child].state == .blocked, jobs[child].pending == 0 {
                    settle(child)
                }
            }
        }
    }

    private mutating func settle(_ job: Int) {
        jobs[job].state = jobs[job].pending > 0 ? .blocked : jobs[job].runAt > now ? .scheduled : .ready
    }

    private static func isMet(_ condition: JobCondition, _ state: State) -> Bool {
        switch condition {
        case .success: state == .completed
        case .failure: state != .completed
        case .completion: true
        }
    }

    // MARK: What is started

    /// - Throws: ``Objection`` when the job may not start.
    mutating func start(_ job: Int) throws {
        func object(_ why: String) -> Objection { Objection(description: "\(jobs[job].id) was started, and \(why)") }
        guard jobs[job].state == .ready else { throw object("was \(jobs[job].state)") }
        let plan = jobs[job].plan
        guard !paused.contains(plan.queue) else { throw object("its queue is paused") }
        guard running.count(where: { jobs[$0].plan.queue == plan.queue }) < ModelQueue.concurrency[plan.queue] else {
            throw object("its queue is full")
        }
        if let limit = plan.limit {
            let others = running.count { jobs[$0].plan.limit == limit }
            if let most = limit.concurrency, others >= most { throw object("its key is full") }
            if let rate = limit.rate {
                let gained = Double(now - tokens.at) / Double(rate.seconds * Self.second) * Double(rate.amount)
                let left = min(Double(rate.amount), tokens.left + gained)
                guard left + 1e-4 >= Double(plan.amount) else { throw object("its rate is used up: \(left)") }
                tokens = (left - Double(plan.amount), now)
            }
        }
        jobs[job].state = .running
        jobs[job].attempt += 1
        jobs[job].startedAt = now
    }

    /// A job has given its slot to a critical one.
    /// - Throws: ``Objection`` where none has waited, or another had to.
    mutating func yield(_ job: Int) throws {
        func object(_ why: String) -> Objection { Objection(description: "\(jobs[job].id) has yielded, and \(why)") }
        let queue = jobs[job].plan.queue
        guard jobs[job].plan.priority == .background else { throw object("is \(jobs[job].plan.priority)") }
        let isWanted = jobs.contains { $0.plan.queue == queue && $0.plan.priority == .critical && $0.state == .ready }
        guard isWanted || starved.contains(queue) else { throw object("no critical job has waited") }
        let later = running.contains {
            jobs[$0].plan.queue == queue && jobs[$0].plan.priority == .background
                && (jobs[$0].startedAt, $0) > (jobs[job].startedAt, job)
        }
        guard !later else { throw object("another has begun later") }
        jobs[job].state = .ready
        jobs[job].attempt -= 1
    }

    /// - Throws: ``Objection`` when something could run and does not. Rates are not looked at, as they open a little late.
    mutating func checkNothingWaits() throws {
        for job in jobs where job.state == .ready && job.plan.priority == .critical { starved.insert(job.plan.queue) }
        for job in jobs where job.state == .ready && job.plan.limit != .rated && !paused.contains(job.plan.queue) {
            let inQueue = running.count { jobs[$0].plan.queue == job.plan.queue }
            let ofKey = running.count { job.plan.limit != nil && jobs[$0].plan.limit == job.plan.limit }
            guard inQueue < ModelQueue.concurrency[job.plan.queue], ofKey < job.plan.limit?.concurrency ?? .max,
                !hasTurn(otherThan: job)
            else { continue }
            throw Objection(description: "\(job.id) could run, and does not")
        }
    }

    /// Another with the same key goes first, and waits for a slot of its queue.
    private func hasTurn(otherThan job: Job) -> Bool {
        guard let limit = job.plan.limit else { return false }
        return jobs.contains { other in
            other.id != job.id && other.plan.limit == limit && other.state == .ready
                && running.count { jobs[$0].plan.queue == other.plan.queue } >= ModelQueue.concurrency[other.plan.queue]
        }
    }
}
