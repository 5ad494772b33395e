import CognitionCore

/// Secrets inside of texts, where no key of the metadata tells about them.
extension Redaction {
    /// The text without what looks like a secret in it:
    ///
    /// - the value of `token=…`, `access_token=…` and every other name that ``hides(_:)``, in URLs and elsewhere;
    /// - the same in JSON, `"password":"…"`;
    /// - what follows `Bearer ` and `Authorization:`;
    /// - JSON web tokens and API keys, wherever they stand; of a key its first characters stay, by which people know it;
    /// - the password in `scheme://user:password@host`.
    ///
    /// A net under careful callers, who put no secrets into texts; it cannot know them all.
    static func masking(_ text: String) -> String {
        var text = text
        return text.withUTF8 { bytes -> String? in
            var scanner = SecretScanner(bytes)
            let ranges = scanner.ranges()
            guard !ranges.isEmpty else { return nil }
            var masked = ""
            var end = 0
            for range in ranges {
                masked += String(decoding: bytes[end..<range.lowerBound], as: UTF8.self)
                masked += Secret.mask
                end = range.upperBound
            }
            return masked + String(decoding: bytes[end...], as: UTF8.self)
        } ?? text
    }
}

/// Goes once through the bytes of a text; looks back from `=`, `:` and ` ` for what names a secret.
private struct SecretScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var found: [Range<Int>] = []
    /// Everything before is looked through.
    private var index = 0

    /// A token is at least so long; prose after the word Bearer is not.
    private static let bearerBytesMin = 16

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func ranges() -> [Range<Int>] {
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "="): afterEquals()
            case UInt8(ascii: ":"): afterColon()
            case UInt8(ascii: " "), UInt8(ascii: "+"): afterSpace()
            case UInt8(ascii: "e"): atLetterE()
            case UInt8(ascii: "c"): atLetterC()
            default: break
            }
            index += 1
        }
        return found
    }

    private mutating func afterEquals() {
        guard let name = word(endingBefore: index), Redaction.hides(name) else { return }
        hide(from: index + 1, until: Self.endsValue)
    }

    /// `"name":"value"`, `Authorization: value` and `://user:password@`.
    private mutating func afterColon() {
        if index > 0, bytes[index - 1] == UInt8(ascii: "\""), let name = word(endingBefore: index - 1),
            Redaction.hides(name)
        {
            var start = index + 1
            while start < bytes.count, bytes[start] == UInt8(ascii: " ") { start += 1 }
            guard start < bytes.count, bytes[start] == UInt8(ascii: "\"") else {
                return hide(from: start, until: Self.endsValue)
            }
            hide(from: start + 1) { $0 == UInt8(ascii: "\"") }
        } else if let name = word(endingBefore: index), name.lowercased().hasSuffix("authorization") {
            var start = index + 1
            while start < bytes.count, bytes[start] == UInt8(ascii: " ") { start += 1 }
            // The scheme and what follows it: to the end of the line or of the quotation.
            hide(from: start) { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        } else if index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "/"), bytes[index + 2] == UInt8(ascii: "/")
        {
            hidePassword(from: index + 3)
        }
    }

    private mutating func hidePassword(from start: Int) {
        var end = start
        var colon: Int?
        var at: Int?
        while end < bytes.count, bytes[end] != UInt8(ascii: "/"), !Self.endsAuthority(bytes[end]) {
            if bytes[end] == UInt8(ascii: ":"), colon == nil { colon = end }
            if bytes[end] == UInt8(ascii: "@") { at = end }
            end += 1
        }
        guard let colon, let at, colon < at else { return }
        hide(colon + 1..<at)
    }

    private mutating func afterSpace() {
        guard let name = word(endingBefore: index), name.lowercased() == "bearer" else { return }
        let end = self.end(from: index + 1) { !Self.isOfToken($0) }
        guard end - index - 1 >= Self.bearerBytesMin else { return }
        hide(index + 1..<end)
    }

    /// `eyJ` is how `{"` begins in base64; two dots make it a JSON web token.
    private mutating func atLetterE() {
        guard index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "y"), bytes[index + 2] == UInt8(ascii: "J"),
            index == 0 || !Self.isOfToken(bytes[index - 1])
        else { return }
        let end = self.end(from: index) { !Self.isOfToken($0) }
        guard bytes[index..<end].count(where: { $0 == UInt8(ascii: ".") }) >= 2 else { return }
        hide(index..<end)
    }

    /// `cog_`, eight characters, `_` and what is secret: an API key.
    private mutating func atLetterC() {
        let secretStart = index + 13
        guard secretStart < bytes.count, bytes[index..<index + 4].elementsEqual("cog_".utf8),
            bytes[secretStart - 1] == UInt8(ascii: "_"), index == 0 || !Self.isOfToken(bytes[index - 1])
        else { return }
        let end = self.end(from: secretStart) { !Self.isOfToken($0) }
        guard end - secretStart >= Self.bearerBytesMin else { return }
        hide(secretStart..<end)
    }

    // MARK: Finding and hiding

    /// The name that ends here, of letters, digits and `_-.`; `nil` for none, and for one that is too long for a name.
    private func word(endingBefore end: Int) -> String? {
        var start = end
        while start > 0, Self.isOfName(bytes[start - 1]) {
            start -= 1
            if end - start > 64 { return nil }
        }
        return start < end ? String(decoding: bytes[start..<end], as: UTF8.self) : nil
    }

    private func end(from start: Int, where ends: (UInt8) -> Bool) -> Int {
        bytes[min(start, bytes.count)...].firstIndex(where: ends) ?? bytes.count
    }

    private mutating func hide(from start: Int, until ends: (UInt8) -> Bool) {
        hide(start..<end(from: start, where: ends))
    }

    private mutating func hide(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        found.append(range)
        index = range.upperBound - 1
    }

    /// Ends a value behind `=`: what cannot be in a query (RFC 3986, section 3.4), and the ampersand.
    private static func endsValue(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, UInt8(ascii: "&"), UInt8(ascii: "#"), UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"):
            true
        default: false
        }
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") || byte == UInt8(ascii: "\"")
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// What base64, base64url and JSON web tokens are made of.
    private static func isOfToken(_ byte: UInt8) -> Bool {
        isOfName(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "=")
            || byte == UInt8(ascii: "~")
    }
}
