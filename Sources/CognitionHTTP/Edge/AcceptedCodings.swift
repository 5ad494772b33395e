/// Which codings a client takes, by `Accept-Encoding` (RFC 9110 12.5.3).
package struct AcceptedCodings {
    /// Whether gzip is taken, and nothing is said to be liked better.
    package let prefersGzip: Bool

    package init(_ header: String?) {
        guard let header, header.utf8.count <= 1_024 else {
            prefersGzip = false
            return
        }
        var weights: [String: Double] = [:]
        for element in header.split(separator: ",") {
            let parts = element.split(separator: ";")
            guard let name = parts.first?.trimmingSpaces.lowercased() else { continue }
            weights[name == "x-gzip" ? "gzip" : name] = Self.weight(parts.dropFirst())
        }
        let gzip = weights["gzip"] ?? weights["*"] ?? 0
        prefersGzip = gzip > 0 && gzip >= weights["identity"] ?? 0
    }

    /// 1 unless given; a weight that is none is taken for a refusal.
    private static func weight(_ parameters: ArraySlice<Substring>) -> Double {
        for parameter in parameters {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            guard pair.first?.trimmingSpaces.lowercased() == "q" else { continue }
            guard pair.count == 2, let weight = Double(pair[1].trimmingSpaces), (0...1).contains(weight) else {
                return 0
            }
            return weight
        }
        return 1
    }
}
