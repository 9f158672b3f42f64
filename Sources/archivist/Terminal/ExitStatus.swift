/// How a run ended, and the number that the shell is told.
///
/// Cron jobs and monitoring know borg's numbers; these are the same.
enum ExitStatus: Equatable, Sendable {
  /// Everything was done.
  case success
  /// The work was finished, with something to tell.
  case warning(Warning)
  /// The work was not finished.
  case failure(Failure)
  /// A command that was run for the user ended with this number, which is ours as well.
  case command(Int32)
  /// A signal ended the run.
  case signal(Int32)

  /// Which numbers to use.
  enum Style: String, CaseIterable, Sendable {
    /// 0, 1 and 2, and 128 plus the number of a signal.
    case classic
    /// A number of its own for each reason.
    case modern
  }

  /// The kind of a warning; the raw value is the modern number.
  enum Warning: Int32, CaseIterable, Sendable {
    /// More than one kind of warning, or one without a number.
    case various = 1
    /// Something in the repository is damaged or missing. The number is that of the failure because
    /// of the same, which monitoring knows; it stands before all other warnings.
    case damage = 90
    case fileChanged = 100
    case patternNeverMatched = 101
    case fileSkipped = 102
    case fileReplaced = 103
    case fileFailed = 104
    case filePermissionDenied = 105
    case fileReadError = 106
    case fileMissing = 107
    case symbolicLinkInPath = 108
    case unsafePath = 109
    case unsafeHardLink = 110
  }

  /// Why the work was not finished; the raw value is the modern number.
  enum Failure: Int32, CaseIterable, Sendable {
    /// A reason without a number.
    case other = 2
    case cancelled = 3
    case commandLine = 4
    case template = 5
    case unknownPlaceholder = 6
    case repositoryExists = 10
    case checkNeeded = 12
    case repositoryMissing = 13
    case noSpace = 14
    case notARepository = 15
    case repositoryConfiguration = 16
    case objectMissing = 17
    case parentDirectoryMissing = 18
    case pathExists = 19
    case quotaExceeded = 20
    case repositoryPermissionDenied = 21
    case unsupportedFeature = 25
    case archiveExists = 30
    case archiveMissing = 31
    case keyInvalid = 40
    case keyOfOtherRepository = 41
    case keyFileMissing = 42
    case notAKeyBackup = 43
    case repositoryKeyMissing = 44
    case keyBackupOfOtherRepository = 45
    case notEncrypted = 46
    case unknownKeyType = 47
    case unsupportedPayload = 48
    case noPassphrase = 50
    case passCommandFailed = 51
    case wrongPassphrase = 52
    case tooManyTries = 53
    case cacheAborted = 60
    case encryptionChanged = 61
    case repositoryAccessAborted = 62
    case repositoryNotUnique = 63
    case repositoryReplayed = 64
    case lock = 70
    case lockFailed = 72
    case lockTimeout = 73
    case lockLost = 74
    case connectionClosed = 80
    case connectionClosedWithHint = 81
    case unknownRequest = 82
    case pathNotAllowed = 83
    case serverOutdated = 84
    case malformedRequest = 85
    case malformedResponse = 86
    case connectionBroken = 87
    case integrity = 90
    case fileIntegrity = 91
    case decompression = 92
    case archiveAuthentication = 95
    case repositoryAuthentication = 97
  }

  /// Why the work was not finished, for what is reported without ending the run.
  var failure: Failure { if case .failure(let failure) = self { failure } else { .other } }

  /// The number for the shell.
  func code(_ style: Style) -> Int32 {
    switch (self, style) {
    case (.success, _): 0
    case (.warning, .classic): 1
    case (.warning(let warning), .modern): warning.rawValue
    case (.failure, .classic): 2
    case (.failure(let failure), .modern): failure.rawValue
    case (.command(let number), _): number
    // A number of which the shell sees the low byte must not become 0.
    case (.signal(let number), _): 128 + (number & 0x7F)
    }
  }

  /// The status of a run that gave these warnings and otherwise went well.
  init(warnings: some Collection<Warning>) {
    switch Set(warnings).count {
    case 0: self = .success
    case 1: self = .warning(warnings.first ?? .various)
    default: self = .warning(warnings.contains(.damage) ? .damage : .various)
    }
  }

  /// The status of a run that went on to its end, and could not do what these say.
  init(failures: some Collection<Failure>) {
    let kinds = Set(failures)
    if kinds.contains(.integrity) {
      self = .failure(.integrity)
    } else {
      self = .failure(kinds.count == 1 ? kinds.first ?? .other : .other)
    }
  }
}
