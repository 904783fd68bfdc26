"""The files of posts: taken in, looked into, made anew, stored, given out, and fitted to what a network takes."""
