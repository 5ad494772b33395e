import CognitionCore

/// The dependencies among jobs that come in one call.
enum JobGraph {
    /// The jobs level by level: each depends on jobs of earlier levels only, as far as they are of the call.
    ///
    /// Source: Kahn, "Topological sorting of large networks" (1962).
    ///
    /// - Parameter places: As ``places(of:)`` gives them.
    /// - Returns: Their places in `jobs`.
    /// - Throws: `scheduler.dependency_cycle` with its path.
    static func levels(_ jobs: [NewJob], _ places: [String: Int]) throws -> [[Int]] {
        var parents = jobs.map { Set($0.dependencies.compactMap { places[$0.job] }) }
        if let own = jobs.indices.first(where: { parents[$0].contains($0) }) {
            throw cycle([own, own], of: jobs)
        }
        var children = [[Int]](repeating: [], count: jobs.count)
        for (job, parents) in parents.enumerated() { for parent in parents { children[parent].append(job) } }
        var levels: [[Int]] = []
        var level = jobs.indices.filter { parents[$0].isEmpty }
        var placed = 0
        while !level.isEmpty {
            levels.append(level)
            placed += level.count
            var next: [Int] = []
            for done in level {
                for child in children[done] {
                    parents[child].remove(done)
                    if parents[child].isEmpty { next.append(child) }
                }
            }
            level = next.sorted()
        }
        guard placed < jobs.count else { return levels }
        throw cycle(path(through: parents), of: jobs)
    }

    /// Where the jobs stand that have a name: their id, or their reference within the call.
    /// - Throws: `scheduler.job_invalid` for a name that two have.
    static func places(of jobs: [NewJob]) throws -> [String: Int] {
        var places: [String: Int] = [:]
        for (place, job) in jobs.enumerated() {
            for name in Set([job.reference, job.id].compactMap(\.self)) {
                guard places.updateValue(place, forKey: name) == nil else {
                    throw SchedulerError(.jobInvalid, "two jobs of the call are named \(name)")
                }
            }
        }
        return places
    }

    /// A way that comes back to where it began: whatever is left has a parent that is left.
    private static func path(through parents: [Set<Int>]) -> [Int] {
        var place = parents.firstIndex { !$0.isEmpty } ?? 0
        var path: [Int] = []
        while !path.contains(place) {
            path.append(place)
            place = parents[place].min() ?? place
        }
        let start = path.firstIndex(of: place) ?? 0
        return Array((path[start...] + [place]).reversed())
    }

    private static func cycle(_ path: [Int], of jobs: [NewJob]) -> SchedulerError {
        let names = path.map { jobs[$0].reference ?? jobs[$0].id ?? "#\($0 + 1)" }
        return SchedulerError(.dependencyCycle, "dependencies form a cycle: \(names.joined(separator: " → "))")
    }
}
