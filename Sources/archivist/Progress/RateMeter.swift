/// How fast something grows: over the last ten seconds, not since the beginning.
struct RateMeter {
  private var samples: [(time: Double, bytes: UInt64)] = []

  private static let window = 10.0

  /// Takes in what was done by `time`, in seconds of any clock that only goes forward.
  mutating func add(_ bytes: UInt64, at time: Double) {
    samples.append((time, bytes))
    // One that is older stays: the window has a beginning.
    while samples.count > 2, samples[1].time <= time - Self.window { samples.removeFirst() }
  }

  /// Bytes per second; `nil` as long as too little is known.
  var bytesPerSecond: Double? {
    guard let first = samples.first, let last = samples.last, last.time > first.time,
      last.bytes >= first.bytes
    else { return nil }
    return Double(last.bytes - first.bytes) / (last.time - first.time)
  }
}
