/// Finds texts in which comparing mapping keys could take forever before any bound on the document is looked at.
///
/// The composer hashes every key. A key that is an alias, or a collection of aliases, to nested aliases grows
/// exponentially with their number. Such a text needs many anchors and aliases and a key that is no scalar; a text that
/// could have both is refused, which no sensible document does, as such keys are refused anyway.
struct AliasGuard {
    private var anchors = 0
    private var aliases = 0
    private var hasSuspiciousKey = false

    static func refuses(_ text: String) -> Bool {
        var counted = AliasGuard()
        counted.count(Array(text.utf8))
        return counted.hasSuspiciousKey && counted.couldExplode
    }

    /// The most that `aliases` aliases spread over chained `anchors` anchors can repeat a value, against 10,000 times.
    private var couldExplode: Bool {
        guard anchors > 0, aliases > 0 else { return false }
        // A product of numbers with a given sum is largest when they are equal, and over all counts near three.
        let links = min(anchors, max(1, aliases / 3 + 1))
        let width = Double(aliases) / Double(links) + 1
        var size = 1.0
        for _ in 0..<links {
            size *= width
            if size > 10_000 { return true }
        }
        return false
    }

    private mutating func count(_ bytes: [UInt8]) {
        // White space, which ends the candidate for a key, is skipped: `*a :`, `] :`, `} :`.
        var endsCandidate = false
        var isInAlias = false
        for index in bytes.indices {
            let byte = bytes[index]
            if isInAlias, byte.isPartOfAnchor { continue }
            switch byte {
            case UInt8(ascii: "&") where startsName(bytes, index):
                anchors += 1
                endsCandidate = false
            case UInt8(ascii: "*") where startsName(bytes, index):
                aliases += 1
                isInAlias = true
                endsCandidate = true
                continue
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                endsCandidate = true
            case UInt8(ascii: "?"):
                let next = index + 1 < bytes.count ? bytes[index + 1] : 0x20
                if next <= 0x20 { hasSuspiciousKey = true }
                endsCandidate = false
            case UInt8(ascii: ":"):
                if endsCandidate { hasSuspiciousKey = true }
                endsCandidate = false
            case 0x20, 0x09, 0x0A, 0x0D:
                break
            default:
                endsCandidate = false
            }
            isInAlias = false
        }
    }

    private func startsName(_ bytes: [UInt8], _ index: Int) -> Bool {
        guard index + 1 < bytes.count, bytes[index + 1].isPartOfAnchor else { return false }
        guard index > 0 else { return true }
        switch bytes[index - 1] {
        case 0x00...0x20, UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ","), UInt8(ascii: ":"), 0x80...:
            return true
        default: return false
        }
    }
}

extension UInt8 {
    /// Letters, digits, `-` and `_`, which are all that libyaml takes in an anchor's name.
    fileprivate var isPartOfAnchor: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
