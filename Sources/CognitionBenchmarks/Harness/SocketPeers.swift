import CognitionCore
import Foundation

/// A server of others that passes on to all who read what one writes.
final class SocketPeer {
    static let names = ["nginx nchan", "websockets", "picows", "socketify"]
    private static let script = "Scripts/bench_socket_peer.py"
    private static let modules = ["/usr/lib/nginx/modules/ngx_nchan_module.so"]

    let name: String
    let port: Int
    private let child: Child

    /// `nil`, with a word about it, where it is not installed; see `Scripts/install-dependencies bench`.
    static func start(_ name: String, folder: String) throws -> SocketPeer? {
        let peer = try name == "nginx nchan" ? nchan(folder: folder) : python(name)
        if peer == nil { Terminal.progress("\(name) is not installed, and is not measured") }
        return peer
    }

    private init?(_ name: String, _ port: Int, _ child: Child) {
        (self.name, self.port, self.child) = (name, port, child)
        for _ in 0..<100 where child.isRunning {
            if (try? Socket(port: port)) != nil { return }
            usleep(50_000)
        }
        child.stop()
        return nil
    }

    func stop() { child.stop() }

    /// Of all its processes, in bytes.
    func residentBytes() throws -> Int { try child.residentBytesOfFamily() }

    func processorSeconds() throws -> Double { try child.processorSecondsOfFamily() }

    private static func python(_ name: String) throws -> SocketPeer? {
        guard let python = FastAPIPeer.python else { return nil }
        let port = try Socket.freePort()
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return SocketPeer(name, port, try Child(python, [script, name, String(port)], environment: environment))
    }

    private static func nchan(folder: String) throws -> SocketPeer? {
        guard let module = modules.first(where: FileManager.default.fileExists),
            let nginx = ["/usr/sbin/nginx"].first(where: FileManager.default.isExecutableFile)
        else { return nil }
        let port = try Socket.freePort()
        let place = URL(fileURLWithPath: folder + "/nchan").path
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let configuration = """
            load_module \(module);
            daemon off; worker_processes 2; worker_rlimit_nofile 20000; pid \(place)/pid; error_log /dev/null;
            events { worker_connections 12000; }
            http {
                access_log off;
                client_body_temp_path \(place)/1; proxy_temp_path \(place)/2; fastcgi_temp_path \(place)/3;
                uwsgi_temp_path \(place)/4; scgi_temp_path \(place)/5;
                server {
                    listen 127.0.0.1:\(port) backlog=4096;
                    location = /sub {
                        nchan_subscriber websocket; nchan_channel_id all; nchan_subscriber_first_message newest;
                    }
                    location = /pub { nchan_publisher websocket; nchan_channel_id all; nchan_message_buffer_length 100; }
                }
            }
            """
        try configuration.write(toFile: place + "/nginx.conf", atomically: true, encoding: .utf8)
        let child = try Child(nginx, ["-p", place, "-c", place + "/nginx.conf", "-e", "/dev/null"], environment: [:])
        return SocketPeer("nginx nchan", port, child)
    }
}
