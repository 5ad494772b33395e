import CognitionHTTP
import CognitionRealtime
import NIOCore
import NIOWebSocket
import Testing

@Suite struct WebSocketConnectionMachineTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func machine(isAuthenticated: Bool = true) -> WebSocketConnectionMachine {
        WebSocketConnectionMachine(
            limits: WebSocketConnectionMachine.Limits(
                messageBytesMax: 16, heartbeat: .seconds(30), timeout: .seconds(60), idleTimeout: .seconds(300)),
            isAuthenticated: isAuthenticated, now: start)
    }

    private static func frame(_ opcode: WebSocketOpcode, _ text: String = "", fin: Bool = true) -> WebSocketFrame {
        var data = ByteBuffer(string: text)
        let key: WebSocketMaskingKey = [1, 2, 3, 4]
        data.webSocketMask(key)
        return WebSocketFrame(fin: fin, opcode: opcode, maskKey: key, data: data)
    }

    @Test("Fragments make one message, within the bounds of the whole")
    func fragments() {
        var machine = Self.machine()
        #expect(machine.received(Self.frame(.text, "one ", fin: false), now: Self.start) == .nothing)
        #expect(machine.received(Self.frame(.ping, "x"), now: Self.start) == .pong(ByteBuffer(string: "x")))
        #expect(machine.received(Self.frame(.continuation, "two ", fin: false), now: Self.start) == .nothing)
        #expect(machine.received(Self.frame(.continuation, "three"), now: Self.start) == .deliver("one two three"))
        #expect(machine.received(Self.frame(.text, ""), now: Self.start) == .deliver(""))
        #expect(
            machine.received(Self.frame(.text, "0123456789abcdef"), now: Self.start) == .deliver("0123456789abcdef"))
        _ = machine.received(Self.frame(.text, "0123456789", fin: false), now: Self.start)
        guard case .hangUp(let reason) = machine.received(Self.frame(.continuation, "0123456"), now: Self.start) else {
            return #expect(Bool(false))
        }
        #expect(reason.code == 1009)
        // What else it says is not heard.
        #expect(machine.received(Self.frame(.text, "x"), now: Self.start) == .nothing)
        #expect(machine.received(Self.frame(.connectionClose), now: Self.start) == .end)
        #expect(machine.received(Self.frame(.connectionClose), now: Self.start) == .nothing)
    }

    @Test(
        "The rate: a burst is free, what one read brings on top is done, and the wait for it is bounded and no silence")
    func rate() {
        var machine = WebSocketConnectionMachine(
            limits: WebSocketConnectionMachine.Limits(
                timeout: .seconds(60), rate: WebSocketConnectionMachine.Rate(messages: 10, burst: 20)),
            isAuthenticated: true, now: Self.start)
        func at(_ milliseconds: Int64) -> NIODeadline { Self.start + .milliseconds(milliseconds) }
        for _ in 0..<20 { #expect(machine.received(Self.frame(.text, "x"), now: at(0)) == .deliver("x")) }
        #expect(machine.heldUntil(at(0)) == nil)
        #expect(machine.received(Self.frame(.ping), now: at(0)) == .pong(ByteBuffer()))
        #expect(machine.heldUntil(at(0)) == at(100))
        #expect(machine.heldUntil(at(99)) == at(100))
        #expect(machine.heldUntil(at(100)) == nil)
        // Pongs and fragments but the last cost nothing.
        #expect(machine.received(Self.frame(.pong), now: at(100)) == .nothing)
        #expect(machine.received(Self.frame(.text, "x", fin: false), now: at(100)) == .nothing)
        #expect(machine.heldUntil(at(100)) == nil)
        for _ in 0..<10_000 { _ = machine.received(Self.frame(.ping), now: at(100)) }
        #expect(machine.heldUntil(at(100)) == at(60_100))
        #expect(machine.tick(now: at(30_200), isSubscribed: true) == .ping)
        #expect(machine.tick(now: at(60_200), isSubscribed: true) == .ping)
        // It was read from again a moment after it was last looked at.
        #expect(machine.tick(now: at(90_199), isSubscribed: true) == .nothing)
        #expect(machine.tick(now: at(90_200), isSubscribed: true) == .sayGoodbye(.silent))
    }

    @Test("Time: pings every thirty seconds, the end after sixty without a frame, after five minutes without an action")
    func time() {
        var machine = Self.machine()
        func at(_ seconds: Int64) -> NIODeadline { Self.start + .seconds(seconds) }
        #expect(machine.tick(now: at(29), isSubscribed: false) == .nothing)
        #expect(machine.tick(now: at(30), isSubscribed: false) == .ping)
        #expect(machine.tick(now: at(31), isSubscribed: false) == .nothing)
        _ = machine.received(Self.frame(.pong), now: at(59))
        #expect(machine.tick(now: at(60), isSubscribed: false) == .ping)
        #expect(machine.tick(now: at(118), isSubscribed: false) == .ping)
        #expect(machine.tick(now: at(119), isSubscribed: false) == .sayGoodbye(.silent))
        #expect(machine.tick(now: at(123), isSubscribed: false) == .nothing)
        #expect(machine.tick(now: at(124), isSubscribed: false) == .end)
        #expect(machine.tick(now: at(999), isSubscribed: false) == .nothing)

        var idle = Self.machine()
        for seconds in stride(from: 10 as Int64, through: 290, by: 10) {
            _ = idle.received(Self.frame(.pong), now: at(seconds))
            #expect([.nothing, .ping].contains(idle.tick(now: at(seconds), isSubscribed: false)))
        }
        var watching = idle
        #expect(idle.tick(now: at(300), isSubscribed: false) == .sayGoodbye(.idle))
        // Who watches something is not idle.
        #expect(watching.tick(now: at(300), isSubscribed: true) == .ping)
    }

    @Test("Who does not say who it is in time, or takes nothing, is closed")
    func deadlines() {
        var stranger = Self.machine(isAuthenticated: false)
        #expect(stranger.tick(now: Self.start + .seconds(9), isSubscribed: false) == .nothing)
        var known = stranger
        known.authenticated()
        #expect(stranger.tick(now: Self.start + .seconds(10), isSubscribed: false) == .sayGoodbye(.notAuthenticated))
        #expect(known.tick(now: Self.start + .seconds(10), isSubscribed: false) == .nothing)

        var stalled = Self.machine()
        stalled.writabilityChanged(false, now: Self.start + .seconds(5))
        stalled.writabilityChanged(false, now: Self.start + .seconds(50))
        #expect(stalled.tick(now: Self.start + .seconds(64), isSubscribed: true) == .nothing)
        var relieved = stalled
        #expect(stalled.tick(now: Self.start + .seconds(65), isSubscribed: true) == .sayGoodbye(.tooSlow))
        _ = relieved.received(Self.frame(.pong), now: Self.start + .seconds(64))
        relieved.writabilityChanged(true, now: Self.start + .seconds(64))
        #expect(relieved.tick(now: Self.start + .seconds(65), isSubscribed: true) == .ping)
    }

    @Test("The close handshake from both sides")
    func closing() {
        var machine = Self.machine()
        #expect(machine.received(Self.frame(.connectionClose), now: Self.start) == .answerClose(nil))
        #expect(!machine.isOpen)
        var leaving = Self.machine()
        #expect(leaving.sayGoodbye(.goingAway, now: Self.start) == .sayGoodbye(.goingAway))
        #expect(leaving.sayGoodbye(.idle, now: Self.start) == .nothing)
        #expect(leaving.inputClosed() == .end)
    }
}
