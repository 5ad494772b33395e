#if canImport(Glibc)
    import Glibc
    // Depending on what else is imported, the compiler takes this module for the one that defines `timespec`.
    import SwiftOverlayShims
#else
    import Darwin
#endif

/// The time of day, injected wherever a moment is stored, so that tests and simulations decide what time it is.
package protocol WallClock: Sendable {
    var now: Timestamp { get }
}

/// The machine's clock.
package struct SystemWallClock: WallClock {
    package init() {}

    package var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}
