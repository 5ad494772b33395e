import Hummingbird
import Logging
import NIOCore

/// What Hummingbird carries beside a request.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let address: SocketAddress?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        address = source.channel.remoteAddress
    }
}
