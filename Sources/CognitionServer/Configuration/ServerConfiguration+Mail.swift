import CognitionCore
import Foundation

extension ServerConfiguration {
    /// Where people reach the server, without a slash at the end.
    /// - Throws: `CommandFailure` for what is no address of a server.
    var publicURL: String {
        get throws {
            guard !self[.publicURL].isEmpty else {
                let host = ["0.0.0.0", "::", ""].contains(self[.host]) ? "127.0.0.1" : self[.host]
                let scheme = self[.tlsCertificate].isEmpty ? "http" : "https"
                return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(self[.port])"
            }
            guard let url = URLComponents(string: self[.publicURL]),
                ["http", "https"].contains(url.scheme?.lowercased()),
                url.host?.isEmpty == false, url.query == nil, url.fragment == nil, url.user == nil,
                self[.publicURL].utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw CommandFailure(
                    "API_PUBLIC_URL is an address such as https://cognition.example.com, without a query and a name of a user"
                )
            }
            return String(self[.publicURL].trimmingSuffix(while: { $0 == "/" }))
        }
    }

    /// - Throws: `CommandFailure` when mail cannot come from what `MAIL_FROM` says.
    var mailSender: MailSender {
        get throws {
            guard let address = MailAddress(self[.mailFrom]) else {
                throw CommandFailure("MAIL_FROM is an e-mail address such as no-reply@example.com, without a name")
            }
            return MailSender(name: self[.serviceName], address: address)
        }
    }
}

extension MailFolder {
    init(_ configuration: ServerConfiguration) throws {
        self.init(path: configuration.dataDirectory + "/mail", sender: try configuration.mailSender)
    }
}

extension String {
    fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> Substring {
        guard let last = lastIndex(where: { !isTrimmed($0) }) else { return "" }
        return self[...last]
    }
}
