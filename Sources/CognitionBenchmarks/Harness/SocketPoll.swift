import Foundation

#if !canImport(Darwin)
    import CEpoll
#endif

/// Which of many descriptors have something to read, without looking at those that have nothing.
final class SocketPoll {
    #if canImport(Darwin)
        private var entries: [pollfd] = []
        private var places: [Int] = []

        init() throws {}

        func add(_ descriptor: Int32, place: Int, writable: Bool) throws {
            entries.append(pollfd(fd: descriptor, events: Int16(writable ? POLLOUT : POLLIN), revents: 0))
            places.append(place)
        }

        func expectReading(_ descriptor: Int32, place: Int) {
            guard let index = places.firstIndex(of: place) else { return }
            entries[index].events = Int16(POLLIN)
        }

        func remove(_ descriptor: Int32, place: Int) {
            guard let index = places.firstIndex(of: place) else { return }
            entries.remove(at: index)
            places.remove(at: index)
        }

        func removeAll() {
            entries = []
            places = []
        }

        func wait(milliseconds: Int32, _ body: (_ place: Int) throws -> Void) throws -> Int {
            guard poll(&entries, nfds_t(entries.count), milliseconds) > 0 else { return 0 }
            let ready = entries.indices.filter { entries[$0].revents != 0 }.map { places[$0] }
            for place in ready { try body(place) }
            return ready.count
        }
    #else
        private static let eventsMax = 1_024

        private let descriptor: Int32
        private let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: eventsMax)

        init() throws {
            descriptor = epoll_create1(0)
            guard descriptor >= 0 else { throw Socket.failure("no descriptors can be watched") }
        }

        deinit {
            close(descriptor)
            events.deallocate()
        }

        /// - Parameter writable: It is connecting, and is told of once it can be written.
        func add(_ descriptor: Int32, place: Int, writable: Bool) throws {
            guard control(EPOLL_CTL_ADD, descriptor, place, writable ? EPOLLOUT : EPOLLIN) else {
                throw Socket.failure("a descriptor cannot be watched")
            }
        }

        func expectReading(_ descriptor: Int32, place: Int) {
            _ = control(EPOLL_CTL_MOD, descriptor, place, EPOLLIN)
        }

        func remove(_ descriptor: Int32, place: Int) { _ = control(EPOLL_CTL_DEL, descriptor, place, EPOLLIN) }

        /// After they were closed, which takes them out.
        func removeAll() {}

        /// Calls `body` for each that is ready, once one is or the time is over.
        /// - Returns: How many were.
        func wait(milliseconds: Int32, _ body: (_ place: Int) throws -> Void) throws -> Int {
            let count = Int(epoll_wait(descriptor, events, Int32(Self.eventsMax), milliseconds))
            var index = 0
            while index < count {
                try body(Int(events[index].data.u64))
                index += 1
            }
            return index
        }

        private func control(_ operation: Int32, _ watched: Int32, _ place: Int, _ kind: EPOLL_EVENTS) -> Bool {
            var event = epoll_event(events: kind.rawValue, data: epoll_data_t(u64: UInt64(place)))
            return epoll_ctl(descriptor, operation, watched, &event) == 0
        }
    #endif
}
