"""Twilio: SMS, MMS, WhatsApp, calls, recordings and transcriptions (protocol page twilio_sms_voice)."""
