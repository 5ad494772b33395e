extension MailMessage {
    /// The message as it is sent and kept: RFC 5322 with MIME, lines ending with CR LF.
    ///
    /// A text of ASCII is left readable (`7bit`), any other is quoted-printable UTF-8 (RFC 2045, section 6.7). Words of
    /// headers that are not ASCII are encoded by RFC 2047. An address that is not ASCII stands in UTF-8 (RFC 6532).
    package func encoded(from sender: MailSender) -> [UInt8] {
        let isPlain =
            text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x0A || $0 == 0x09 }
            && text.utf8.split(separator: 0x0A).allSatisfy { $0.count <= Self.lineBytesMax }
        let headers = [
            "Date: " + Self.date(time),
            "From: " + Self.mailbox(sender),
            "To: " + to.headerText,
            "Message-ID: <\(id)@\(sender.address.domain)>",
            "Subject: " + Self.unstructured(subject),
            // Nobody's holiday notice answers it (RFC 3834).
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: " + (isPlain ? "7bit" : "quoted-printable"),
        ]
        let body = isPlain ? text.replacing("\n", with: "\r\n") : Self.quotedPrintable(text)
        return Array((headers.joined(separator: "\r\n") + "\r\n\r\n" + body + "\r\n").utf8)
    }

    /// Source: RFC 5322, section 2.1.1.
    private static let lineBytesMax = 998
    /// Of a line of a header that is not folded.
    private static let headerBytesMax = 66
    /// Encoded characters of one encoded word, so that its line stays below 76 (RFC 2047, section 2).
    private static let encodedWordMax = 48

    /// Source: RFC 5322, section 3.3.
    private static func date(_ time: Timestamp) -> String {
        let days = (time.microseconds - (time.microseconds < 0 ? 86_399_999_999 : 0)) / 86_400_000_000
        let (year, month, day) = Timestamp.civil(fromDays: days)
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(((days % 7) + 7) % 7)]
        let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][Int(month - 1)]
        let clock = time.description.dropFirst(11).prefix(8)
        return "\(weekday), \(day) \(name) \(year) \(clock) +0000"
    }

    private static func mailbox(_ sender: MailSender) -> String {
        guard let name = sender.name?.oneLine, !name.isEmpty else { return sender.address.headerText }
        let address = "<\(sender.address.headerText)>"
        if name.unicodeScalars.allSatisfy({ $0.isAtomText || $0 == " " }), name.utf8.count <= headerBytesMax {
            return "\(name) \(address)"
        }
        if name.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), name.utf8.count <= headerBytesMax {
            return "\(name.quotedForHeader) \(address)"
        }
        return encodedWords(name) + "\r\n " + address
    }

    private static func unstructured(_ text: String) -> String {
        let line = text.oneLine
        let isPlain = line.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !line.contains("=?")
        return isPlain && line.utf8.count <= headerBytesMax ? line : encodedWords(line)
    }

    /// The text in encoded words of the Q encoding, a character whole in one of them.
    private static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var word = ""
        for scalar in text.unicodeScalars {
            let isSafe = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            let piece =
                isSafe ? String(scalar) : scalar == " " ? "_" : String(scalar).utf8.map(\.escaped).joined()
            if word.utf8.count + piece.utf8.count > encodedWordMax {
                words.append(word)
                word = ""
            }
            word += piece
        }
        return (words + [word]).map { "=?utf-8?Q?\($0)?=" }.joined(separator: "\r\n ")
    }

    private static func quotedPrintable(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let bytes = Array(line.utf8)
            var (encoded, length) = ("", 0)
            for (place, byte) in bytes.enumerated() {
                let isBlank = byte == 0x20 || byte == 0x09
                let isLiteral =
                    (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=")
                    || isBlank && place < bytes.count - 1
                let piece = isLiteral ? String(Unicode.Scalar(byte)) : byte.escaped
                // One place is kept for the sign of a soft line break.
                if length + piece.utf8.count > 75 {
                    encoded += "=\r\n"
                    length = 0
                }
                encoded += piece
                length += piece.utf8.count
            }
            return encoded
        }.joined(separator: "\r\n")
    }
}

extension UInt8 {
    /// `=` and two hexadecimal digits in upper case.
    fileprivate var escaped: String { (self < 16 ? "=0" : "=") + String(self, radix: 16, uppercase: true) }
}

extension String {
    fileprivate var oneLine: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }
}
