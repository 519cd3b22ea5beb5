"""A telephone carrier in one process that speaks Twilio's wire: REST, signed callbacks, Media Streams.

It also plays the people who are called. It knows nothing of the product: only numbers, TwiML and URLs it is given.
"""
