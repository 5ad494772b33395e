import Foundation

/// An address to listen on, and whether that is possible.
struct ListenAddress {
    let host: String
    let port: Int

    /// Why nothing can listen there, in a sentence that names the setting; `nil` when something can.
    var fault: String? {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, String(port), &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard failure == 0, let address = found?.pointee else {
            return "API_HOST: \(host) is no address: \(String(cString: gai_strerror(failure)))"
        }
        switch Self.bindFailure(address) {
        case 0: return nil
        case EADDRINUSE:
            return "API_PORT: port \(port) on \(host) is taken by another program; end that one, or name another port"
        case EADDRNOTAVAIL: return "API_HOST: \(host) is no address of this machine"
        case EACCES: return "API_PORT: only a privileged user may listen on port \(port); name another one"
        case let number: return "API_HOST, API_PORT: \(host):\(port): \(String(cString: strerror(number)))"
        }
    }

    /// - Returns: The system's error number; 0 for none.
    private static func bindFailure(_ address: addrinfo) -> Int32 {
        let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var isOn: Int32 = 1
        // As servers do: connections that have just ended keep no port.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
        return bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno
    }
}
