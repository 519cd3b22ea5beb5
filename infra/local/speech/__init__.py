"""The laptop's speech: Polly and Transcribe as their SDKs know them, with real or scripted sound."""
