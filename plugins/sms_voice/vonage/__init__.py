"""SMS, WhatsApp and calls by Vonage."""
