import CognitionCore
import CognitionStorage

/// Adds to the check of a piece of the log what archives have of it.
struct ArchiveVerifier {
    private let archives: EventArchives

    init(_ archives: EventArchives) { self.archives = archives }

    @concurrent func complete(_ piece: VerifiedRows) async throws -> LogVerification {
        guard let positions = piece.positions else { return piece.result }
        var result = piece.result
        let rows = Set(piece.found)
        var archived: Set<Int64> = []
        var unknown: [ClosedRange<Int64>] = []
        for range in piece.files {
            // Each is looked at anew once, with its first event.
            let isFirst = positions.contains(range.firstPosition)
            do {
                let file = isFirst ? try archives.read(range) : try await archives.file(range)
                if isFirst { try check(file, &result) }
                for position in file.positions where positions.contains(position) {
                    let isInLog = rows.contains(position)
                    // One that is noted and not deleted yet is in both.
                    let isTwice = isInLog ? range.isDeleted : !archived.insert(position).inserted
                    if isTwice { result.problems.append(.positionTwice(position)) }
                }
            } catch let error as EventError {
                if isFirst {
                    let isMissing = error.code == .eventArchived
                    result.problems.append(isMissing ? .archiveMissing(range.name) : .archiveDamaged(range.name))
                }
                unknown.append(range.positions)
            }
        }
        let gaps = Self.gaps(in: positions, between: piece.found + archived.sorted())
        result.problems += gaps.flatMap { Self.parts(of: $0, outside: unknown) }.map { .positionsMissing($0) }
        return result
    }

    private func check(_ file: ArchiveFile, _ result: inout LogVerification) throws {
        let range = file.range
        result.archived += range.events
        result.problems += file.damagedPositions().map { .dataChanged(position: $0) }
        let manifest = try archives.archive?.load(ArchivedRange.manifestName(of: range.name), bytesMax: 1 << 16)
        let isRight = manifest.flatMap { try? JSONValue(parsing: $0) } == range.manifest
        if !isRight { result.problems.append(.manifestWrong(range.name)) }
    }

    /// Positions that are none of `known`.
    private static func gaps(in positions: ClosedRange<Int64>, between known: [Int64]) -> [ClosedRange<Int64>] {
        var gaps: [ClosedRange<Int64>] = []
        var next = positions.lowerBound
        for position in known.sorted() {
            if position > next { gaps.append(next...position - 1) }
            next = position + 1
        }
        if next <= positions.upperBound { gaps.append(next...positions.upperBound) }
        return gaps
    }

    /// What of a range is in none of `others`.
    private static func parts(
        of range: ClosedRange<Int64>, outside others: [ClosedRange<Int64>]
    ) -> [ClosedRange<Int64>] {
        var parts = [range]
        for other in others {
            parts = parts.flatMap { part -> [ClosedRange<Int64>] in
                guard part.overlaps(other) else { return [part] }
                var rest: [ClosedRange<Int64>] = []
                if part.lowerBound < other.lowerBound { rest.append(part.lowerBound...other.lowerBound - 1) }
                if part.upperBound > other.upperBound { rest.append(other.upperBound + 1...part.upperBound) }
                return rest
            }
        }
        return parts
    }
}
