extension String {
    /// RFC 3986: all but the unreserved characters are encoded.
    var percentEncoded: String { encoded(space: "%20", also: "-._~") }

    /// application/x-www-form-urlencoded, of the WHATWG URL standard.
    var formEncoded: String { encoded(space: "+", also: "*-._") }

    private func encoded(space: String, also: String) -> String {
        var text = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: " "): text += space
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                if also.utf8.contains(byte) {
                    text.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
                }
            }
        }
        return text
    }
}
