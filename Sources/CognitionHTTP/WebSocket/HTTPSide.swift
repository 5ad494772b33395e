import NIOCore
import NIOHTTPTypes
import Synchronization

/// A connection as long as it serves HTTP: what Hummingbird's loop holds in place of the connection itself.
///
/// That loop ends with its channel. When the connection becomes a WebSocket, the loop is to end, so that nothing but the event
/// loop holds the connection, which is to go on.
final class HTTPSide: Sendable {
    let stream: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    private let view: ChannelView
    private let loopBound: NIOLoopBound<[any RemovableChannelHandler]>

    /// To be made on the channel's event loop; the handlers are added, and after them one that nobody can remove.
    init(_ channel: any Channel, _ handlers: [any ChannelHandler & RemovableChannelHandler]) throws {
        view = ChannelView(channel)
        loopBound = NIOLoopBound(handlers, eventLoop: channel.eventLoop)
        try channel.pipeline.syncOperations.addHandlers(handlers)
        stream = try NIOAsyncChannel(
            wrappingChannelSynchronously: view,
            configuration: NIOAsyncChannel.Configuration(isOutboundHalfClosureEnabled: true))
    }

    /// Only on the event loop.
    var handlers: [any RemovableChannelHandler] { loopBound.value }

    /// From here on the connection is closed for who serves it, and nobody else.
    func leave() { view.leave() }
}

/// A channel that says it is closed when it is left; everything else is said by the one that it stands for.
private final class ChannelView: Channel {
    private let base: any Channel
    private let closed: EventLoopPromise<Void>
    private let isLeft = Atomic(false)

    init(_ base: any Channel) {
        self.base = base
        closed = base.eventLoop.makePromise()
        base.closeFuture.whenComplete { _ in self.leave() }
    }

    func leave() {
        if !isLeft.exchange(true, ordering: .acquiringAndReleasing) { closed.succeed() }
    }

    var closeFuture: EventLoopFuture<Void> { closed.futureResult }
    var eventLoop: any EventLoop { base.eventLoop }
    var allocator: ByteBufferAllocator { base.allocator }
    var pipeline: ChannelPipeline { base.pipeline }
    var localAddress: SocketAddress? { base.localAddress }
    var remoteAddress: SocketAddress? { base.remoteAddress }
    var parent: (any Channel)? { base.parent }
    var isWritable: Bool { base.isWritable }
    var isActive: Bool { base.isActive }
    var _channelCore: any ChannelCore { base._channelCore }
    var syncOptions: (any NIOSynchronousChannelOptions)? { base.syncOptions }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        base.setOption(option, value: value)
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> { base.getOption(option) }
}
