/// Something that is measured.
protocol Benchmark: Sendable {
    /// What `--only` calls it.
    static var name: String { get }

    func run(_ bench: Bench) async throws -> [Measurement]
}

/// What a benchmark works with.
struct Bench: Sendable {
    /// An empty folder on the disk that is measured.
    let folder: String
    let isQuick: Bool
    let disk: Disk

    init(folder: String, isQuick: Bool) {
        self.folder = folder
        self.isQuick = isQuick
        disk = Disk(file: folder + "/fsync")
    }

    /// How often each thing is measured; the median counts.
    var repetitions: Int { isQuick ? 1 : 5 }

    /// `count`, or a good part less in a quick run.
    func size(_ count: Int) -> Int { isQuick ? max(1, count / 8) : count }
}

/// One line of the report.
struct Measurement: Sendable {
    let subject: String
    /// What was measured, with its unit.
    let figure: String
    /// What stands beside it: the raw engine or the peer, measured in the same run unless it says otherwise.
    var beside = ""
    var floors: [Floor] = []
}

/// What a figure has to reach.
struct Floor: Sendable {
    let text: String
    let isReached: Bool

    static func atLeast(_ least: Double, _ figure: Double, _ text: String) -> Floor {
        Floor(text: text, isReached: figure >= least)
    }

    static func atMost(_ most: Double, _ figure: Double, _ text: String) -> Floor {
        Floor(text: text, isReached: figure <= most)
    }
}
