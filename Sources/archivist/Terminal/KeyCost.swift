import ArgumentParser
import StoreCrypto

/// The wanted cost of a guess of a passphrase.
enum KeyCost: Equatable, ExpressibleByArgument, CustomStringConvertible {
  /// The cost that the passphrase needs, and the memory of this machine allows.
  case automatic
  /// This binary logarithm of scrypt's N.
  case logN(UInt8)

  init?(argument: String) {
    if argument == "auto" {
      self = .automatic
      return
    }
    let digits = argument.hasPrefix("2^") ? argument.dropFirst(2) : argument[...]
    guard let number = UInt8(digits), ScryptParameters.accepted.contains(number) else { return nil }
    self = .logN(number)
  }

  /// The argument that stands for it.
  var description: String {
    switch self {
    case .automatic: "auto"
    case .logN(let logN): "\(logN)"
    }
  }

  /// The decision.
  struct Choice: Equatable {
    var parameters: ScryptParameters
    /// The cost that the passphrase needs, if there was no memory for that.
    var wanted: ScryptParameters?
  }

  /// Not so much memory.
  struct NotEnoughMemory: Error, Equatable, CustomStringConvertible {
    let parameters: ScryptParameters
    let available: UInt64

    var description: String {
      "--kdf-cost \(parameters.logN) takes \(HumanText.size(parameters.memory, iec: true)) of memory, and "
        + "\(HumanText.size(available, iec: true)) are available"
    }
  }

  /// The words for a passphrase that could not be stretched.
  ///
  /// - Parameters:
  ///   - bytes: The memory that it takes.
  ///   - available: The memory that can be had, if that is known.
  /// - Returns: The message.
  static func noMemory(_ bytes: UInt64, available: UInt64?) -> Message {
    let needed = HumanText.size(bytes, precision: 0, iec: true)
    var text: Message = "not enough memory to stretch the passphrase: that takes \(needed)"
    if let available, available < bytes {
      text = text + ", and \(HumanText.size(available, iec: true)) are available"
    }
    text =
      text
      + ". End other programs, or raise the limit that this one has (`ulimit -v`, MemoryMax=)"
    // The least there is has some bytes besides.
    guard bytes > 2 * ScryptParameters.quick.memory else { return text }
    return text
      + "; or make a slot that takes 32 MiB on a machine that has more: `archivist key add --kdf-cost 15`, "
      + "with a passphrase that is long and random"
  }

  /// Decides.
  ///
  /// - Parameters:
  ///   - strength: How hard the passphrase is to guess.
  ///   - available: The memory that can be had, if that is known.
  /// - Returns: The parameters.
  /// - Throws: `NotEnoughMemory`, if a cost is asked for that cannot be paid here.
  func choice(
    for strength: PassphraseStrength, available: UInt64?
  ) throws(NotEnoughMemory) -> Choice {
    let memory = available ?? .max
    switch self {
    case .logN(let logN):
      let parameters = ScryptParameters(logN: logN, r: 8, p: 1)
      guard parameters.memory <= memory else {
        throw NotEnoughMemory(parameters: parameters, available: memory)
      }
      return Choice(parameters: parameters)
    case .automatic:
      if strength.isSufficient { return Choice(parameters: .quick) }
      var parameters = ScryptParameters.default
      // As much again for everything else, now and when it is opened.
      while parameters.logN > ScryptParameters.quick.logN, 2 * parameters.memory > memory {
        parameters.logN -= 1
      }
      return Choice(
        parameters: parameters, wanted: parameters == .default ? nil : ScryptParameters.default)
    }
  }
}
