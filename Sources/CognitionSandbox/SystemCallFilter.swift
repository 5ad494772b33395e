/// Calls of the kernel that no program in the sandbox needs: those through which many of its faults were reached, and those
/// that take memory which no limit of a process counts (`memfd_create`, shared memory and messages of System V).
///
/// A classic BPF program for `seccomp`: the calls named here, and those of other architectures, fail with `EPERM` and
/// `ENOSYS`; everything else is as always. Source: seccomp(2); numbers from `asm/unistd_64.h` and
/// `asm-generic/unistd.h` of Linux.
enum SystemCallFilter {
    private struct Instruction {
        var code: UInt16
        var onTrue: UInt8 = 0
        var onFalse: UInt8 = 0
        var operand: UInt32
    }

    private static let load: UInt16 = 0x20
    private static let jumpIfEqual: UInt16 = 0x15
    private static let jumpIfAtLeast: UInt16 = 0x35
    private static let answer: UInt16 = 0x06
    private static let allow: UInt32 = 0x7FFF_0000
    private static let refuse: UInt32 = 0x0005_0000 | 1
    private static let unknown: UInt32 = 0x0005_0000 | 38

    #if arch(x86_64)
        private static let architecture: UInt32 = 0xC000_003E
        private static let refused: [UInt32] = [
            29, 68, 101, 103, 153, 155, 163, 165, 166, 167, 168, 169, 175, 176, 179, 212, 246, 248, 249, 250, 272, 298,
            303,
            304, 308, 310, 311, 313, 319, 320, 321, 323,
        ]
    #elseif arch(arm64)
        private static let architecture: UInt32 = 0xC000_00B7
        private static let refused: [UInt32] = [
            18, 39, 40, 41, 58, 60, 89, 97, 104, 105, 106, 116, 117, 142, 186, 194, 217, 218, 219, 224, 225, 241, 264,
            265, 268,
            270, 271, 273, 279, 280, 282, 294,
        ]
    #endif

    /// The same on every architecture: io_uring, the newer calls that mount, `memfd_secret`.
    private static let refusedEverywhere: [UInt32] = Array(425...433) + [442, 447]

    /// `struct sock_filter` after `struct sock_filter`, in the machine's byte order.
    static var program: [UInt8] {
        var instructions = [
            Instruction(code: load, operand: 4),
            Instruction(code: jumpIfEqual, onTrue: 1, operand: architecture),
            Instruction(code: answer, operand: unknown),
            Instruction(code: load, operand: 0),
            // The second numbering of x86-64.
            Instruction(code: jumpIfAtLeast, onFalse: 1, operand: 0x4000_0000),
            Instruction(code: answer, operand: unknown),
        ]
        for call in refused + refusedEverywhere {
            instructions.append(Instruction(code: jumpIfEqual, onFalse: 1, operand: call))
            instructions.append(Instruction(code: answer, operand: refuse))
        }
        instructions.append(Instruction(code: answer, operand: allow))
        return instructions.flatMap { instruction in
            withUnsafeBytes(of: instruction.code, Array.init) + [instruction.onTrue, instruction.onFalse]
                + withUnsafeBytes(of: instruction.operand, Array.init)
        }
    }
}
