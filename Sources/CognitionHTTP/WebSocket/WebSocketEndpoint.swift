package import CognitionCore
package import CognitionRealtime
import NIOCore
import NIOPosix
import Synchronization

/// The one path of the server that becomes a WebSocket, and what all its connections have in common.
package final class WebSocketEndpoint: Sendable {
    package struct Settings: Sendable {
        package var path = "/ws/connect"
        /// Origins beside the server's own whose pages may connect, as `scheme://host[:port]`; `*` for all.
        package var origins: [String] = []
        /// Who is believed about the host that a client has named.
        package var proxies = TrustedProxies.none
        /// How often a client is pinged.
        package var heartbeat: Duration = .seconds(30)
        /// Without a frame from a client, or with nothing taken by it, for so long, it is gone.
        package var timeout: Duration = .seconds(60)
        /// Without a subscription or an action for so long, a connection is closed.
        package var idleTimeout: Duration = .seconds(300)
        /// A client without a token has to send one within this time.
        package var authenticationTimeout: Duration = .seconds(10)
        /// How long the end of a connection may take.
        package var closeTimeout: Duration = .seconds(5)
        /// Messages and pings that a client may send a second on the long run, and twice as many at once; 0 for no limit.
        package var messagesPerSecond = 0
        /// Of a message from a client.
        package var messageBytesMax = 64 << 10
        /// Bytes that may wait to be sent to a client before it is sent nothing more that is published.
        package var budgetBytes = 1 << 20
        /// How often the connections are looked after: how exact the times above are.
        package var tick: Duration = .seconds(1)

        package init() {}
    }

    let hub: RealtimeHub
    let ids: UUIDGenerator
    let settings: LoopSettings
    private let lanes = Mutex<[ObjectIdentifier: WebSocketLane]>([:])

    /// - Parameters:
    ///   - hub: Its ``RealtimeHub/run()`` is to be running.
    package init(hub: RealtimeHub, settings: Settings = Settings(), ids: UUIDGenerator = UUIDGenerator()) {
        self.hub = hub
        self.ids = ids
        self.settings = LoopSettings(settings)
    }

    /// The settings in the units of the event loop.
    struct LoopSettings: Sendable {
        let path: String
        let origins: OriginRules
        let proxies: TrustedProxies
        let limits: WebSocketConnectionMachine.Limits
        let budgetBytes: Int
        let tickInterval: TimeAmount

        init(_ settings: Settings) {
            path = settings.path
            origins = OriginRules(settings.origins)
            proxies = settings.proxies
            limits = WebSocketConnectionMachine.Limits(
                messageBytesMax: settings.messageBytesMax, heartbeat: TimeAmount(settings.heartbeat),
                timeout: TimeAmount(settings.timeout), idleTimeout: TimeAmount(settings.idleTimeout),
                authenticationTimeout: TimeAmount(settings.authenticationTimeout),
                closeTimeout: TimeAmount(settings.closeTimeout),
                rate: settings.messagesPerSecond > 0
                    ? WebSocketConnectionMachine.Rate(
                        messages: settings.messagesPerSecond, burst: 2 * settings.messagesPerSecond) : nil)
            budgetBytes = settings.budgetBytes
            tickInterval = TimeAmount(settings.tick)
        }
    }

    /// Only on `eventLoop`.
    private func lane(on eventLoop: any EventLoop) -> WebSocketLane {
        let (lane, isNew) = lanes.withLock { lanes in
            if let lane = lanes[ObjectIdentifier(eventLoop)] { return (lane, false) }
            let lane = WebSocketLane(self, on: eventLoop)
            lanes[ObjectIdentifier(eventLoop)] = lane
            return (lane, true)
        }
        if isNew { hub.add(lane) }
        return lane
    }

    /// Makes a channel whose upgrade was answered a socket.
    ///
    /// - Parameters:
    ///   - previous: The handler after which frames are read.
    ///   - drivesReads: What comes after the socket's handler keeps the channel's own reads to itself.
    func open(
        _ channel: any Channel, to peer: WebSocketPeer, after previous: any ChannelHandler, drivesReads: Bool
    ) throws -> WebSocketHandler {
        let options = channel.syncOptions
        try options?.setOption(
            .writeBufferWaterMark,
            value: ChannelOptions.Types.WriteBufferWaterMark(
                low: settings.budgetBytes / 4, high: settings.budgetBytes))
        // Clients send little, and a buffer is held by what is left of a frame.
        try options?.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 2_048))
        let pipeline = channel.pipeline.syncOperations
        let reader = ByteToMessageHandler(WebSocketFrameReader(frameBytesMax: settings.limits.messageBytesMax))
        try pipeline.addHandler(reader, position: .after(previous))
        let socket = WebSocketHandler(lane: lane(on: channel.eventLoop), peer: peer, drivesReads: drivesReads)
        try pipeline.addHandler(socket, position: .after(reader))
        return socket
    }
}
