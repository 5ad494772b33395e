/// Which segments become one: those that follow each other and are of about the same size, eight at a time, and those that
/// hold many deleted documents.
///
/// Each document is so copied once for each factor of eight by which the index grows. Only neighbours are merged, as the
/// order of documents is that of the changes. Source: Lucene, `LogMergePolicy`.
struct MergePolicy: Sendable {
    /// Segments of one size before they become one.
    var factor = 8
    /// Below it all segments count as equally large.
    var smallest: Int
    /// Segments whose merged size would be above it are left apart.
    var byteCountMax = 1 << 30
    /// The part of deleted documents from which a segment is written anew.
    var deletedPart = 0.25

    struct Size {
        var documents: Int
        var alive: Int
        var bytes: Int
    }

    /// Neighbours that are to become one; `nil` if all is well.
    func next(_ sizes: [Size]) -> Range<Int>? {
        if let place = sizes.firstIndex(where: {
            Double($0.documents - $0.alive) > Double($0.documents) * deletedPart && $0.alive < $0.documents
        }) {
            return place..<place + 1
        }
        // From the newest on: the run of neighbours that are no larger than the level of the first of them.
        var end = sizes.count
        while end > 0 {
            let level = level(sizes[end - 1])
            var (start, highest) = (end - 1, level)
            while start > 0, self.level(sizes[start - 1]) <= highest { start -= 1 }
            highest = level
            if end - start >= factor, let run = fitting(sizes, start..<end) { return run }
            end -= 1
        }
        return nil
    }

    /// At most `factor` neighbours at the start of a run that fit into one segment.
    private func fitting(_ sizes: [Size], _ run: Range<Int>) -> Range<Int>? {
        var start = run.lowerBound
        while run.upperBound - start >= factor {
            let candidates = start..<start + factor
            if sizes[candidates].reduce(0, { $0 + $1.bytes }) <= byteCountMax { return candidates }
            start += 1
        }
        return nil
    }

    private func level(_ size: Size) -> Int {
        var (level, rest) = (0, size.alive / max(1, smallest))
        while rest >= factor {
            rest /= factor
            level += 1
        }
        return level
    }
}
